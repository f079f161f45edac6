// Normalization form C: known cases, and whole random texts against utf8proc's own function, which
// has neither our shortcuts nor our way to order marks.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/nfc.h"
#include "text/utf8_write.h"

static rk__nfc_table table;

static void set_up(void) {
    rk__nfc_table_init(&table);
}

TestSuite(nfc, .init = set_up);

static void check(const char *text, const char *expected) {
    rk__nfc_buffer buffer = {0};
    const char *found = text;
    size_t length = strlen(text);
    cr_assert_eq(rk__nfc_normalize(&table, &buffer, &found, &length, NULL), RK_OK);
    cr_assert_eq(length, strlen(expected), "'%s' has %zu bytes", text, length);
    cr_assert_eq(memcmp(found, expected, length), 0, "'%s'", text);
    rk__nfc_buffer_fini(&buffer);
}

Test(nfc, known_cases) {
    check("", "");
    check("plain", "plain");
    check("caf\u00e9 \u4e2d\u6587 \uac01 \U0001f600 \u0439", "caf\u00e9 \u4e2d\u6587 \uac01 "
                                                             "\U0001f600 \u0439");
    check("cafe\u0301!", "caf\u00e9!");
    check("e\u0301e\u0301", "\u00e9\u00e9");
    check("\u0301e", "\u0301e");
    // Two marks in the wrong order; below comes before above.
    check("q\u0307\u0323", "q\u0323\u0307");
    check("s\u0307\u0323x", "\u1e69x");
    check("\u1e9b\u0323", "\u1e9b\u0323");
    // A mark that is blocked by another of its class.
    check("a\u0315\u0300\u05ae\u0300b", "\u00e0\u05ae\u0300\u0315b");
    // Singletons, and what composing leaves out.
    check("\u212b\u2126\u212a\uf900", "\u00c5\u03a9K\u8c48");
    check("\u0958\u2adc", "\u0915\u093c\u2add\u0338");
    check("\u0344", "\u0308\u0301");
    // Hangul.
    check("\u1100\u1161\u11a8", "\uac01");
    check("\uac00\u11a8", "\uac01");
    check("\uac01\u11a8", "\uac01\u11a8");
    check("\u1100\u1161\u11a7", "\uac00\u11a7");
    // Beyond the basic plane, and beyond what the table knows.
    check("\U00011099\U000110ba", "\U0001109a");
    check("\U0001d15e", "\U0001d157\U0001d165");
    check("\U0002f800", "\u4e3d");
    check("\U00030000e\u0301\U000e0001", "\U00030000\u00e9\U000e0001");
}

Test(nfc, text_in_the_form_is_not_copied) {
    static const char text[] =
        "caf\u00e9 \u4e2d\u6587 \uac01 \U0001f600 \u0439 \u0434\u0438 \u0623\u0643";
    rk__nfc_buffer buffer = {0};
    const char *found = text;
    size_t length = sizeof text - 1;
    cr_assert_eq(rk__nfc_normalize(&table, &buffer, &found, &length, NULL), RK_OK);
    cr_assert_eq(found, text);
    cr_assert_eq(length, sizeof text - 1);
    cr_assert_null(buffer.text);
}

// Does the text become what utf8proc_map makes of it?
static bool agrees(rk__nfc_buffer *buffer, const char *text, size_t size) {
    utf8proc_uint8_t *expected = NULL;
    const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size,
                                            &expected, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    cr_assert_geq(n, 0);
    const char *found = text;
    size_t length = size;
    cr_assert_eq(rk__nfc_normalize(&table, buffer, &found, &length, NULL), RK_OK);
    const bool same = length == (size_t)n && memcmp(found, expected, length) == 0;
    free(expected);
    return same;
}

// A character, or 0: marks, jamo, Latin letters, composed ones of all scripts, or any.
static uint32_t any_character(void) {
    switch (rand() % 7) {
    case 0:
        return 0x300 + (uint32_t)rand() % 0x70;
    case 1:
        return 0x1100 + (uint32_t)rand() % 0x100;
    case 2:
        return 'a' + (uint32_t)rand() % 26;
    case 3:
        return 0xac00 + (uint32_t)rand() % 11172;
    case 4:
        return 0x900 + (uint32_t)rand() % 0x700;
    case 5:
        return 0x1e00 + (uint32_t)rand() % 0x200;
    default:
        return (uint32_t)rand() % 0x110000;
    }
}

// utf8proc_map of version 2.8 loses U+11A7 behind a syllable; it lies before the first final jamo.
static uint32_t random_character(void) {
    const uint32_t code = any_character();
    return code == 0x11a7 ? 'x' : code;
}

Test(nfc, random_texts) {
    enum { SEED = 15, ROUNDS = 20000, CHARACTERS = 40 };
    srand(SEED);
    rk__nfc_buffer buffer = {0};
    for (int round = 0; round < ROUNDS; round++) {
        char text[CHARACTERS * RK__UTF8_MOST];
        size_t size = 0;
        const int n = rand() % CHARACTERS;
        for (int i = 0; i < n; i++) size += rk__utf8_write(text + size, random_character());
        cr_assert(agrees(&buffer, text, size), "seed %d, round %d: %.*s", SEED, round, (int)size,
                  text);
    }
    rk__nfc_buffer_fini(&buffer);
}

Test(nfc, characters_between_others) {
    rk__nfc_buffer buffer = {0};
    for (uint32_t code = 1; code < 0x110000; code += code < 0x30000 ? 1 : 89) {
        // Before, between and behind what composes, and alone.
        static const uint32_t neighbours[] = {'e', 0x323, 0x301, 0x1100, 0x1161, 0x9c7, 0x9be};
        char text[16 * RK__UTF8_MOST];
        size_t size = 0;
        for (size_t i = 0; i < sizeof neighbours / sizeof neighbours[0]; i++) {
            size += rk__utf8_write(text + size, neighbours[i]);
            size += rk__utf8_write(text + size, code);
        }
        cr_assert(agrees(&buffer, text, size), "U+%04X", code);
    }
    rk__nfc_buffer_fini(&buffer);
}

// Quadratic time would be hours.
Test(nfc, a_megabyte_of_marks_in_the_wrong_order) {
    enum { LENGTH = 1 << 20 };
    char *text = malloc(LENGTH);
    cr_assert_not_null(text);
    for (size_t i = 0; i < LENGTH; i += 4) memcpy(text + i, "\u0301\u0323", 4);
    rk__nfc_buffer buffer = {0};
    const char *found = text;
    size_t length = LENGTH;
    cr_assert_eq(rk__nfc_normalize(&table, &buffer, &found, &length, NULL), RK_OK);
    cr_assert_eq(length, LENGTH);
    for (size_t i = 0; i < LENGTH; i += 2) {
        cr_assert_eq(memcmp(found + i, i < LENGTH / 2 ? "\u0323" : "\u0301", 2), 0, "%zu", i);
    }
    rk__nfc_buffer_fini(&buffer);
    free(text);
}
