// UTF-8: the borders of what is well-formed (Unicode 15, table 3-7).
#include <criterion/criterion.h>

#include <stdlib.h>

#include "cli/utf8_text.h"

Test(utf8_text, well_formed_characters) {
    cr_assert_eq(cli_utf8_character("a"), 1);
    cr_assert_eq(cli_utf8_character("\xc2\x80"), 2);
    cr_assert_eq(cli_utf8_character("\xe0\xa0\x80"), 3);
    cr_assert_eq(cli_utf8_character("\xed\x9f\xbf"), 3);
    cr_assert_eq(cli_utf8_character("\xee\x80\x80"), 3);
    cr_assert_eq(cli_utf8_character("\xf0\x90\x80\x80"), 4);
    cr_assert_eq(cli_utf8_character("\xf4\x8f\xbf\xbf"), 4);
}

Test(utf8_text, what_is_no_character) {
    static const char *const texts[] = {
        "",                 // the end
        "\x80",             // continuation alone
        "\xc1\xbf",         // longer than needed
        "\xe0\x9f\xbf",     //
        "\xf0\x8f\xbf\xbf", //
        "\xed\xa0\x80",     // a surrogate
        "\xf4\x90\x80\x80", // beyond U+10FFFF
        "\xf5\x80\x80\x80", //
        "\xff",             //
        "\xe2\x82",         // cut
        "\xf0\x9f\x98",     //
        "\xc3(",            // wrong continuation
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert_eq(cli_utf8_character(texts[i]), 0, "text %zu", i);
    }
}

Test(utf8_text, repair_replaces_stray_bytes_alone) {
    char *text = cli_utf8_repair("a\xff\xe2\x82\xac\xe2\x82z\x80");
    cr_assert_str_eq(text, "a\xef\xbf\xbd\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd");
    free(text);
}

Test(utf8_text, width_counts_characters) {
    cr_assert_eq(cli_utf8_width(""), 0);
    cr_assert_eq(cli_utf8_width("1 \xc2\xb1 2"), 5);
    cr_assert_eq(cli_utf8_width("\xff\xffx"), 3);
}
