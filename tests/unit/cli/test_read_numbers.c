// Strict reading of numbers: what is none is refused, and leaves the caller's value alone.
#include <criterion/criterion.h>

#include <stdint.h>

#include "cli/numbers.h"

Test(read_numbers, sizes_are_read_to_their_last_digit) {
    size_t value = 0;
    cr_assert(cli_read_size(&value, "0"));
    cr_assert_eq(value, 0);
    cr_assert(cli_read_size(&value, "0042"));
    cr_assert_eq(value, 42);
    cr_assert(cli_read_size(&value, "18446744073709551615"));
    cr_assert_eq(value, SIZE_MAX);
}

Test(read_numbers, what_is_no_size_is_refused) {
    static const char *const texts[] = {"",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "-1",
                                        "1.0",
                                        "1k",
                                        "0x10",
                                        "1e3",
                                        "\xd9\xa1",
                                        "18446744073709551616",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t value = 7;
        cr_assert_not(cli_read_size(&value, texts[i]), "'%s'", texts[i]);
        cr_assert_eq(value, 7, "'%s' changed the value", texts[i]);
    }
}

Test(read_numbers, numbers_are_read_exactly) {
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0.0},  {"-1.5", -1.5}, {"+2", 2.0},   {".5", 0.5},
                 {"3.", 3.0}, {"1e-3", 1e-3}, {"0.85", 0.85}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 7.0;
        cr_assert(cli_read_number(&value, cases[i].text), "'%s'", cases[i].text);
        cr_assert_eq(value, cases[i].value, "'%s' read as %g", cases[i].text, value);
    }
}

Test(read_numbers, what_is_no_number_is_refused) {
    static const char *const texts[] = {"",     " 1",    "1 ",  "0x10", "nan",   "inf",
                                        "-inf", "1,5",   "1e",  "--1",  "1.2.3", "e5",
                                        ".",    "1e999", "1_0", "1e+",  "1e5.5", "infinity"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double value = 7.0;
        cr_assert_not(cli_read_number(&value, texts[i]), "'%s'", texts[i]);
        cr_assert_eq(value, 7.0, "'%s' changed the value", texts[i]);
    }
}
