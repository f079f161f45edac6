// UTF-8 decoding: every code point, and what is none.
#include <criterion/criterion.h>

#include "base/utf8.h"

// Encodes by the definition: the other direction of what is tested.
static size_t encode(char out[4], uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00 >> length & 0xff) | code);
    return length;
}

Test(utf8, every_code_point_comes_back) {
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        const int surrogate = code >= 0xd800 && code <= 0xdfff;
        char text[4];
        const size_t length = encode(text, code);
        uint32_t decoded;
        const size_t got = rk__utf8_decode(&decoded, text, length);
        cr_assert_eq(got, surrogate ? 0 : length, "U+%04X: %zu bytes", code, got);
        cr_assert_eq(decoded, surrogate ? 0 : code, "U+%04X read as U+%04X", code, decoded);
    }
}

Test(utf8, a_character_that_is_cut_off_is_none) {
    const char text[] = "\xf0\x9f\x98\x80";
    uint32_t code;
    for (size_t left = 0; left < 4; left++) cr_assert_eq(rk__utf8_decode(&code, text, left), 0);
    cr_assert_eq(rk__utf8_decode(&code, text, 4), 4);
    cr_assert_eq(code, 0x1f600);
}

Test(utf8, broken_sequences_are_none) {
    static const char *const broken[] = {
        "\x80",             // begins with a continuation
        "\xc3(",            // a continuation is missing
        "\xc0\x80",         // overlong
        "\xe0\x9f\xbf",     // overlong
        "\xf0\x8f\xbf\xbf", // overlong
        "\xf4\x90\x80\x80", // U+110000
        "\xf8\x88\x80\x80\x80",
        "\xff",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        uint32_t code = 1;
        cr_assert_eq(rk__utf8_decode(&code, broken[i], strlen(broken[i])), 0, "case %zu", i);
        cr_assert_eq(code, 0);
    }
}
