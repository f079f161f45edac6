// Amounts of memory as --vram takes them.
#include <criterion/criterion.h>
#include <string.h>

#include "cli/strategy_options.h"

Test(strategy_options, amounts_of_memory) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"1", 1},
        {"4GB", UINT64_C(4) << 30},
        {"4 GiB", UINT64_C(4) << 30},
        {"4g", UINT64_C(4) << 30},
        {"512M", UINT64_C(512) << 20},
        {"1.5k", 1536},
        {"2TB", UINT64_C(2) << 40},
        {"1073741824", UINT64_C(1) << 30},
        {"100B", 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char reason[CLI_REASON] = "";
        uint64_t bytes = 0;
        cr_expect(cli_parse_bytes(&bytes, cases[i].text, reason), "%s: %s", cases[i].text, reason);
        cr_expect_eq(bytes, cases[i].bytes, "%s is %llu", cases[i].text, (unsigned long long)bytes);
    }
}

Test(strategy_options, what_is_no_amount_is_quoted_and_changes_nothing) {
    static const char *const texts[] = {"",    "GB",   "-1GB", "4Q",    "4GBs", "0",
                                        "0.4", "1e30", "nan",  "4 G B", "0x10", " 4GB"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char reason[CLI_REASON] = "";
        uint64_t bytes = 77;
        cr_expect_not(cli_parse_bytes(&bytes, texts[i], reason), "'%s' was taken for %llu",
                      texts[i], (unsigned long long)bytes);
        cr_expect_eq(bytes, 77, "'%s'", texts[i]);
        cr_expect_not_null(strstr(reason, texts[i]), "'%s': %s", texts[i], reason);
    }
}
