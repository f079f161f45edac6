// Strategy strings.
#include "stage/strategy.h"

#include <criterion/criterion.h>
#include <string.h>

static rk__strategy_part parse(const char *text) {
    rk__strategy strategy;
    rk_error err = {0};
    cr_assert_eq(rk__strategy_parse(&strategy, text, &err), RK_OK, "%s: %s", text, err.message);
    cr_assert_eq(strategy.n_parts, 1);
    return strategy.parts[0];
}

Test(strategy, cpu_alone_keeps_the_types_of_the_file) {
    cr_assert(parse("cpu").keep_types);
    cr_assert(parse("  CPU ").keep_types);
}

Test(strategy, a_type_may_follow) {
    cr_assert_not(parse("cpu fp32").keep_types);
    cr_assert_eq(parse("cpu fp32").dtype, RK_DTYPE_F32);
    cr_assert_eq(parse("cpu\tBF16").dtype, RK_DTYPE_BF16);
    cr_assert_eq(parse("cpu   q4_0  ").dtype, RK_DTYPE_Q4_0);
}

Test(strategy, refusals_quote_the_word) {
    static const struct {
        const char *text, *word;
        rk_status status;
    } cases[] = {
        {"", "empty", RK_ERR_ARGUMENT},
        {"   ", "empty", RK_ERR_ARGUMENT},
        {"tpu", "'tpu'", RK_ERR_ARGUMENT},
        {"cpu fp64", "'fp64'", RK_ERR_ARGUMENT},
        {"cpu fp32 fp16", "'fp16'", RK_ERR_ARGUMENT},
        {"cuda fp16", "'cuda'", RK_ERR_UNSUPPORTED},
        {"cpu fp32 *10", "'*10'", RK_ERR_UNSUPPORTED},
        {"cpu fp32 -> cpu fp16", "'->'", RK_ERR_UNSUPPORTED},
        {"a-word-that-is-much-longer-than-any-word-of-a-strategy", "'a-word-that-is",
         RK_ERR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rk__strategy strategy;
        rk_error err = {0};
        cr_assert_eq(rk__strategy_parse(&strategy, cases[i].text, &err), cases[i].status, "%s",
                     cases[i].text);
        cr_assert_not_null(strstr(err.message, cases[i].word), "%s", err.message);
    }
}
