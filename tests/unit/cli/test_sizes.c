// Amounts for people: where units and digits change.
#include <criterion/criterion.h>

#include "cli/sizes.h"

Test(sizes, bytes_have_three_digits) {
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {
        {0, "0 bytes"},
        {999, "999 bytes"},
        {1000, "0.98 KiB"},
        {1024, "1.00 KiB"},
        {10234, "9.99 KiB"},
        {10240, "10.0 KiB"},
        {102300, "99.9 KiB"},
        {102400, "100 KiB"},
        {1023488, "0.98 MiB"},
        {1048576, "1.00 MiB"},
        {3.5 * 1073741824.0, "3.50 GiB"},
        {5000.0 * 1099511627776.0, "5000 TiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CLI_SIZE_TEXT];
        cr_expect_str_eq(cli_size_format(text, cases[i].bytes), cases[i].text, "%g bytes are '%s'",
                         cases[i].bytes, text);
    }
}

Test(sizes, mebibytes) {
    cr_assert_eq(cli_mib(1572864), 1.5);
}

Test(sizes, stretches_of_time) {
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0:00"},     {0.4, "0:00"},     {59.6, "1:00"},      {61, "1:01"},
                 {3599, "59:59"}, {3600, "1:00:00"}, {86399, "23:59:59"}, {1e12, "99:00:00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CLI_TIME_TEXT];
        cr_expect_str_eq(cli_time_format(text, cases[i].seconds), cases[i].text, "%g s are '%s'",
                         cases[i].seconds, text);
    }
}
