// Errors: codes and their words, and messages that stay clean, whole and within their buffer.
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error_internal.h"

enum { CAPACITY = sizeof((rk_error *)0)->message };

Test(error, names_and_texts_follow_the_list) {
    cr_assert_str_eq(rk_status_name(RK_OK), "OK");
    cr_assert_str_eq(rk_status_text(RK_OK), "no error");
    cr_assert_str_eq(rk_status_name(RK_ERR_FORMAT), "ERR_FORMAT");
    cr_assert_str_eq(rk_status_text(RK_ERR_FORMAT), "malformed file");
    cr_assert_str_eq(rk_status_name(RK_ERR_CANCELLED), "ERR_CANCELLED");
}

Test(error, numbers_that_are_no_code_have_words_too) {
    cr_assert_str_eq(rk_status_name((rk_status)(RK_ERR_CANCELLED + 1)), "ERR_UNKNOWN");
    cr_assert_str_eq(rk_status_text((rk_status)-1), "unknown error");
}

Test(error, fail_fills_the_error_and_returns_the_status) {
    rk_error err = {.system_errno = 77};
    const rk_status status =
        rk__fail(&err, RK_ERR_SHAPE, "%s: %d columns, %d expected", "x.bin", 3, 4);
    cr_assert_eq(status, RK_ERR_SHAPE);
    cr_assert_eq(err.code, RK_ERR_SHAPE);
    cr_assert_eq(err.system_errno, 0);
    cr_assert_str_eq(err.message, "x.bin: 3 columns, 4 expected");
}

Test(error, nobody_needs_to_want_the_message) {
    cr_assert_eq(rk__fail(NULL, RK_ERR_RANGE, "%d", 1), RK_ERR_RANGE);
    cr_assert_eq(rk__fail_errno(NULL, EACCES, "%d", 1), RK_ERR_IO);
    cr_assert_eq(rk__fail_memory(NULL, 1), RK_ERR_MEMORY);
}

Test(error, errno_brings_its_text) {
    rk_error err;
    cr_assert_eq(rk__fail_errno(&err, ENOENT, "%s", "gone.bin"), RK_ERR_IO);
    cr_assert_eq(err.system_errno, ENOENT);
    cr_assert_str_eq(err.message, "gone.bin: No such file or directory");
    cr_assert_eq(rk__fail_errno(&err, ENOMEM, "%s", "big.bin"), RK_ERR_MEMORY);
}

// What a message made of `text` looks like.
static const char *shown(rk_error *err, const char *text) {
    rk__fail(err, RK_ERR_FORMAT, "%s", text);
    return err->message;
}

Test(error, bytes_that_are_no_printable_utf8_become_question_marks) {
    rk_error err;
    cr_assert_str_eq(shown(&err, "a\nb\tc\x1b[31m\x7f"), "a?b?c?[31m?");
    cr_assert_str_eq(shown(&err, "gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x98\x80"),
                     "gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x98\x80");
    cr_assert_str_eq(shown(&err, "\xff\xfe|\xc3|\x80"), "??|?|?");
    cr_assert_str_eq(shown(&err, "\xc0\xaf"), "??", "an overlong slash");
    cr_assert_str_eq(shown(&err, "\xed\xa0\x80"), "???", "a surrogate");
    cr_assert_str_eq(shown(&err, "\xc2\x9b"), "??", "a control of the second page");
    const char turned_around[] = {'\xe2', '\x80', '\xae', '\0'};
    cr_assert_str_eq(shown(&err, turned_around), "???");
}

Test(error, long_messages_are_cut_between_characters) {
    // Two-byte characters behind 0 .. 1 bytes: one of the two puts a character across the cut.
    for (size_t shift = 0; shift < 2; shift++) {
        char text[2 * CAPACITY] = "x";
        for (size_t i = shift; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xc3\xbc", 3);
        rk_error err;
        shown(&err, text);
        const size_t length = strlen(err.message);
        cr_assert_lt(length, CAPACITY);
        cr_assert_geq(length, CAPACITY - 2);
        cr_assert_str_eq(err.message + length - 3, "...");
        cr_assert_null(strchr(err.message, '?'));
        cr_assert_eq((length - 3 - shift) % 2, 0, "half a character is left");
    }
}

Test(error, a_message_that_just_fits_is_not_cut) {
    char text[CAPACITY];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rk_error err;
    cr_assert_str_eq(shown(&err, text), text);
}

Test(error, the_reason_survives_a_long_path) {
    char path[2 * CAPACITY];
    memset(path, 'd', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    rk_error err;
    rk__fail_errno(&err, ENOSPC, "%s", path);
    cr_assert_eq(strlen(err.message), CAPACITY - 1);
    const char *end = "...: No space left on device";
    cr_assert_str_eq(err.message + CAPACITY - 1 - strlen(end), end);
}

Test(error, garbage_without_character_boundaries_is_cut_anyway) {
    char text[2 * CAPACITY];
    memset(text, 0x80, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rk_error err;
    shown(&err, text);
    cr_assert_eq(strlen(err.message), CAPACITY - 1);
    cr_assert_eq(strspn(err.message, "?"), CAPACITY - 4);
}
