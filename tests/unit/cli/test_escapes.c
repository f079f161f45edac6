// Backslash escapes: what they stand for, and what is none.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "cli/escapes.h"

static void assert_stands_for(const char *text, const char *expected) {
    char reason[CLI_REASON] = "";
    char *plain = cli_unescape(text, reason);
    cr_assert_not_null(plain, "'%s': %s", text, reason);
    cr_assert_str_eq(plain, expected, "'%s' became '%s'", text, plain);
    free(plain);
}

static void assert_refused(const char *text, const char *expected) {
    char reason[CLI_REASON] = "";
    cr_assert_null(cli_unescape(text, reason), "'%s' was taken", text);
    cr_assert_str_eq(reason, expected);
}

Test(escapes, letters) {
    assert_stands_for("", "");
    assert_stands_for("no escape at all", "no escape at all");
    assert_stands_for("\\n\\r\\t\\\"\\'\\\\", "\n\r\t\"'\\");
    assert_stands_for("User: a\\n\\nBot:", "User: a\n\nBot:");
    assert_stands_for("\\\\n", "\\n");
}

Test(escapes, bytes) {
    assert_stands_for("\\x41\\x7a\\x7A\\xff\\xe2\\x82", "Azz\xff\xe2\x82");
    assert_stands_for("\\x414", "A4");
}

Test(escapes, characters_of_every_length) {
    assert_stands_for("\\u0041|\\u00e9|\\u4f60|\\U0001F600",
                      "A|\xc3\xa9|\xe4\xbd\xa0|\xf0\x9f\x98\x80");
    assert_stands_for("\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff",
                      "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
    assert_stands_for("\\U00010000\\U0010ffff", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

Test(escapes, what_is_none_is_refused) {
    assert_refused("a\\q", "unknown escape '\\q'");
    assert_refused("\\", "unknown escape '\\'");
    assert_refused("\\x4", "unknown escape '\\x4'");
    assert_refused("\\xg0", "unknown escape '\\xg0'");
    assert_refused("\\u12", "unknown escape '\\u12'");
    assert_refused("\\U1234567", "unknown escape '\\U1234567'");
}

Test(escapes, what_is_no_character_is_refused) {
    assert_refused("\\x00", "unknown escape '\\x00'");
    assert_refused("\\u0000", "unknown escape '\\u0000'");
    assert_refused("\\ud800", "unknown escape '\\ud800'");
    assert_refused("\\udfff", "unknown escape '\\udfff'");
    assert_refused("\\U00110000 and more", "unknown escape '\\U00110000'");
}
