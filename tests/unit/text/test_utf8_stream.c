// Cutting a stream of bytes between characters, against base's strict decoder of single characters.
#include <criterion/criterion.h>
#include <string.h>

#include "base/utf8.h"
#include "test_numbers.h"
#include "text/utf8_stream.h"

enum { MAX_TEXT = 256 };

// What has come out, and where each piece of it ended.
typedef struct sink {
    char text[MAX_TEXT];
    size_t length;
    size_t n_pieces;
    bool ends[MAX_TEXT + 1]; // a piece ended after this many bytes
    bool refuse;
} sink;

static bool take(void *user, const char *bytes, size_t length) {
    sink *out = user;
    cr_assert_gt(length, 0, "an empty piece came out");
    cr_assert_leq(out->length + length, MAX_TEXT);
    memcpy(out->text + out->length, bytes, length);
    out->length += length;
    out->ends[out->length] = true;
    out->n_pieces++;
    return !out->refuse;
}

// Marks where a text may be cut: around every character, and around every byte that is part of
// none.
static void find_boundaries(bool boundaries[MAX_TEXT + 1], const char *text, size_t length) {
    memset(boundaries, 0, MAX_TEXT + 1);
    for (size_t at = 0; at < length;) {
        boundaries[at] = true;
        uint32_t code_point;
        const size_t size = rk__utf8_decode(&code_point, text + at, length - at);
        at += size > 0 ? size : 1;
    }
    boundaries[length] = true;
}

static size_t encode(unsigned char out[4], uint32_t code) {
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; code >>= 6) out[i] = (unsigned char)(0x80 | (code & 0x3f));
    out[0] = (unsigned char)(leads[size] | code);
    return size;
}

// Which strings of 1, 2 and 3 bytes begin a longer character: found by writing down all characters
// there are.
static struct { bool one[1 << 8], two[1 << 16], three[1 << 24]; } begins;

static void list_beginnings(void) {
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) continue;
        unsigned char c[4];
        const size_t size = encode(c, code);
        if (size > 1) begins.one[c[0]] = true;
        if (size > 2) begins.two[c[0] << 8 | c[1]] = true;
        if (size > 3) begins.three[c[0] << 16 | c[1] << 8 | c[2]] = true;
    }
}

static size_t unfinished_by_list(const unsigned char *c, size_t length) {
    if (length >= 3 && begins.three[c[length - 3] << 16 | c[length - 2] << 8 | c[length - 1]])
        return 3;
    if (length >= 2 && begins.two[c[length - 2] << 8 | c[length - 1]]) return 2;
    return length >= 1 && begins.one[c[length - 1]] ? 1 : 0;
}

Test(utf8_stream, knows_every_beginning_of_up_to_three_bytes) {
    list_beginnings();
    for (uint32_t bits = 0; bits < 1 << 24; bits++) {
        const unsigned char c[3] = {(unsigned char)(bits >> 16), (unsigned char)(bits >> 8),
                                    (unsigned char)bits};
        // The shorter strings are the ends of those that begin with zeros.
        const size_t skip = bits < 1 << 8 ? 2 : bits < 1 << 16 ? 1 : 0;
        const size_t found = rk__utf8_unfinished((const char *)c + skip, 3 - skip);
        const size_t expected = unfinished_by_list(c + skip, 3 - skip);
        if (found != expected) cr_assert_fail("%06x: %zu instead of %zu", bits, found, expected);
    }
}

// Pushes text in pieces that end at `cuts`, ascending, the last being `length`; checks all that is
// promised.
static void check_pieces(const char *text, size_t length, const size_t *cuts, size_t n_cuts) {
    sink out = {0};
    rk__utf8_stream stream = {0};
    size_t from = 0;
    for (size_t i = 0; i < n_cuts; from = cuts[i], i++) {
        cr_assert(rk__utf8_push(&stream, text + from, cuts[i] - from, take, &out));
        const size_t waiting = unfinished_by_list((const unsigned char *)text, cuts[i]);
        cr_assert_eq(stream.n_held, waiting, "after %zu bytes %zu are held instead of %zu", cuts[i],
                     stream.n_held, waiting);
        cr_assert_eq(out.length + waiting, cuts[i]);
    }
    cr_assert(rk__utf8_flush(&stream, take, &out));
    cr_assert_eq(stream.n_held, 0);
    cr_assert_eq(out.length, length);
    cr_assert_eq(memcmp(out.text, text, length), 0, "other bytes came out than went in");

    bool boundaries[MAX_TEXT + 1];
    find_boundaries(boundaries, text, length);
    for (size_t i = 0; i <= length; i++) {
        cr_assert(!out.ends[i] || boundaries[i], "cut inside a character after %zu bytes", i);
    }
}

static const char *const texts[] = {
    "plain",
    "\x61\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf z",
    "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c",     // CJK
    "a\xef\xbf\xbd\x62",                                                // a real U+FFFD
    "\x80\xbf\xff\xfe\xc0\xc1\xf5",                                     // bytes that begin nothing
    "\xc0\x80\xe0\x80\x80\xe0\x9f\xbf\xf0\x80\x80\x80\xf0\x8f\xbf\xbf", // overlong
    "\xed\xa0\x80\xed\xbf\xbf",                                         // surrogates
    "\xf4\x90\x80\x80\xf7\xbf\xbf\xbf",                                 // beyond U+10FFFF
    "\xe2\x82\x41\xf0\x9f\x98\xe2\x82\xac\xf0\x9f\xf0\x9f\x98\x80",     // broken off by another one
    "end\xe2\x82",
    "end\xf0\x9f\x98",
    "end\xc3", // broken off by the end
};
enum { N_TEXTS = sizeof texts / sizeof texts[0] };

Test(utf8_stream, every_cut_into_three_pieces) {
    list_beginnings();
    for (size_t t = 0; t < N_TEXTS; t++) {
        const size_t n = strlen(texts[t]);
        for (size_t a = 0; a <= n; a++) {
            for (size_t b = a; b <= n; b++) check_pieces(texts[t], n, (size_t[]){a, b, n}, 3);
        }
    }
}

Test(utf8_stream, byte_by_byte) {
    list_beginnings();
    for (size_t t = 0; t < N_TEXTS; t++) {
        size_t cuts[MAX_TEXT];
        const size_t n = strlen(texts[t]);
        for (size_t i = 0; i < n; i++) cuts[i] = i + 1;
        check_pieces(texts[t], n, cuts, n);
    }
}

Test(utf8_stream, random_bytes_in_random_pieces) {
    const uint64_t seed = 20240607;
    cr_log_info("seed %llu", (unsigned long long)seed);
    list_beginnings();
    // Bytes at the edges of the rules, so that beginnings and their ends come often.
    static const unsigned char edges[] = {'a',  0x00, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc1, 0xc2, 0xdf, 0xe0, 0xe2, 0xed, 0xef, 0xf0,
                                          0xf3, 0xf4, 0xf5, 0xff, 0x82, 0xac};
    test_numbers numbers = {seed};
    for (int round = 0; round < 5000; round++) {
        char text[64];
        const size_t n = 1 + test_below(&numbers, sizeof text);
        for (size_t i = 0; i < n; i++) text[i] = (char)edges[test_below(&numbers, sizeof edges)];
        size_t cuts[sizeof text + 1], n_cuts = 0;
        for (size_t at = 0; at < n; cuts[n_cuts++] = at) {
            at += 1 + test_below(&numbers, 5);
            if (at > n) at = n;
        }
        check_pieces(text, n, cuts, n_cuts);
    }
}

Test(utf8_stream, a_character_comes_out_in_one_piece) {
    sink out = {0};
    rk__utf8_stream stream = {0};
    cr_assert(rk__utf8_push(&stream, "\xf0\x9f", 2, take, &out));
    cr_assert(rk__utf8_push(&stream, "\x98", 1, take, &out));
    cr_assert_eq(out.n_pieces, 0);
    cr_assert(rk__utf8_push(&stream, "\x80rest", 5, take, &out));
    cr_assert_eq(out.n_pieces, 2);
    cr_assert(out.ends[4], "the character is not a piece of its own");
    cr_assert_eq(out.length, 8);
}

Test(utf8_stream, bytes_that_can_begin_nothing_come_at_once) {
    static const char *const bytes[] = {"\x80", "\xbf", "\xc0", "\xc1", "\xf5", "\xff"};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        sink out = {0};
        rk__utf8_stream stream = {0};
        cr_assert(rk__utf8_push(&stream, bytes[i], 1, take, &out));
        cr_assert_eq(out.length, 1, "%02x waits", (unsigned char)bytes[i][0]);
    }
}

Test(utf8_stream, a_false_from_the_receiver_is_passed_on) {
    sink out = {.refuse = true};
    rk__utf8_stream stream = {0};
    cr_assert(rk__utf8_push(&stream, "\xe2\x82", 2, take, &out), "nothing came out to be refused");
    cr_assert_not(rk__utf8_push(&stream,
                                "\xac"
                                "abc",
                                4, take, &out));
    cr_assert_eq(out.n_pieces, 1, "pieces came after one was refused");
    stream = (rk__utf8_stream){0};
    cr_assert_not(rk__utf8_push(&stream, "abc", 3, take, &out));
    cr_assert(rk__utf8_push(&stream, "\xc3", 1, take, &out));
    cr_assert_not(rk__utf8_flush(&stream, take, &out));
    cr_assert(rk__utf8_flush(&stream, take, &out), "there was nothing left to refuse");
}

Test(utf8_stream, nothing_in_nothing_out) {
    sink out = {.refuse = true};
    rk__utf8_stream stream = {0};
    cr_assert(rk__utf8_push(&stream, "", 0, take, &out));
    cr_assert(rk__utf8_flush(&stream, take, &out));
    cr_assert_eq(out.n_pieces, 0);
}
