// Strategy strings.
#include "stage/strategy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static rk__strategy parse(const char *text) {
    rk__strategy strategy;
    rk_error err = {0};
    cr_assert_eq(rk__strategy_parse(&strategy, text, &err), RK_OK, "%s: %s", text, err.message);
    return strategy;
}

// A strategy of one part.
static rk__strategy_part parse_part(const char *text) {
    const rk__strategy strategy = parse(text);
    cr_assert_eq(strategy.n_parts, 1, "%s", text);
    cr_assert_not(strategy.automatic, "%s", text);
    return strategy.parts[0];
}

Test(strategy, a_device_alone_keeps_the_types_of_the_file) {
    cr_assert(parse_part("cpu").keep_types);
    cr_assert(parse_part("  CPU ").keep_types);
    cr_assert_eq(parse_part("cpu").device.kind, RK__DEVICE_CPU);
    cr_assert(parse_part("cuda").keep_types);
    cr_assert_eq(parse_part("Cuda").device.kind, RK__DEVICE_CUDA);
    cr_assert_eq(parse_part("cuda").device.index, 0);
    cr_assert_eq(parse_part("cuda:3").device.index, 3);
}

Test(strategy, a_type_may_follow) {
    static const struct {
        const char *text;
        rk_dtype dtype;
    } cases[] = {
        {"cpu fp32", RK_DTYPE_F32},      {"cpu\tBF16", RK_DTYPE_BF16},
        {"cpu   q4_0  ", RK_DTYPE_Q4_0}, {"cuda fp16", RK_DTYPE_F16},
        {"cuda fp16i8", RK_DTYPE_Q8_0},  {"cpu fp32i8", RK_DTYPE_Q8_0},
        {"cuda BF16I8", RK_DTYPE_Q8_0},  {"cpu i8", RK_DTYPE_Q8_0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rk__strategy_part part = parse_part(cases[i].text);
        cr_assert_not(part.keep_types, "%s", cases[i].text);
        cr_assert_eq(part.dtype, cases[i].dtype, "%s", cases[i].text);
        cr_assert_not(part.has_count || part.streams, "%s", cases[i].text);
    }
}

Test(strategy, layers_are_counted) {
    const rk__strategy_part part = parse_part("cuda fp16 *20");
    cr_assert(part.has_count);
    cr_assert_eq(part.count, 20);
    cr_assert_not(part.streams);
    cr_assert_eq(parse_part("cpu *0").count, 0);
    cr_assert(parse_part("cpu *0").has_count);
}

Test(strategy, layers_are_streamed) {
    const rk__strategy_part counted = parse_part("cuda fp16i8 *20+");
    cr_assert(counted.streams && counted.has_count);
    cr_assert_eq(counted.count, 20);
    static const char *const as_fit[] = {"cuda fp16 +", "cuda fp16+", "cuda fp16 *+"};
    for (size_t i = 0; i < 3; i++) {
        const rk__strategy_part part = parse_part(as_fit[i]);
        cr_assert(part.streams && !part.has_count, "%s", as_fit[i]);
    }
}

Test(strategy, parts_follow_each_other) {
    const rk__strategy s = parse("cuda:0 fp16i8 *6 -> cuda:1 fp16 *0+ -> cpu fp32 *1");
    cr_assert_eq(s.n_parts, 3);
    cr_assert_eq(s.parts[0].dtype, RK_DTYPE_Q8_0);
    cr_assert_eq(s.parts[0].count, 6);
    cr_assert_eq(s.parts[1].device.index, 1);
    cr_assert(s.parts[1].streams);
    cr_assert_eq(s.parts[2].device.kind, RK__DEVICE_CPU);
    cr_assert_eq(s.parts[2].count, 1);
}

Test(strategy, blanks_between_words_and_signs_are_free) {
    const rk__strategy s = parse("cuda fp16*2->cpu  fp32 * 3");
    cr_assert_eq(s.n_parts, 2);
    cr_assert_eq(s.parts[0].count, 2);
    cr_assert_eq(s.parts[1].count, 3);
}

Test(strategy, auto_has_a_type_at_most) {
    cr_assert(parse("auto").automatic);
    cr_assert(parse("auto").parts[0].keep_types);
    const rk__strategy s = parse(" AUTO fp16i8");
    cr_assert(s.automatic);
    cr_assert_eq(s.n_parts, 1);
    cr_assert_eq(s.parts[0].dtype, RK_DTYPE_Q8_0);
}

Test(strategy, refusals_name_the_place) {
    static const struct {
        const char *text, *place;
        rk_status status;
    } cases[] = {
        {"", "empty", RK_ERR_ARGUMENT},
        {"   ", "empty", RK_ERR_ARGUMENT},
        {"tpu", "column 1: 'tpu'", RK_ERR_ARGUMENT},
        {"cudax", "column 1: 'cudax'", RK_ERR_ARGUMENT},
        {"cuda: fp16", "column 1: 'cuda:'", RK_ERR_ARGUMENT},
        {"cuda:x", "column 1: 'cuda:x'", RK_ERR_ARGUMENT},
        {"cuda:64", "column 1: 'cuda:64'", RK_ERR_ARGUMENT},
        {"cuda:99999999999999999999", "column 1: 'cuda:9999", RK_ERR_ARGUMENT},
        {"mps fp16", "column 1: no device 'mps'", RK_ERR_UNSUPPORTED},
        {"cpu fp64", "column 5: 'fp64'", RK_ERR_ARGUMENT},
        {"cpu q4_0i8", "column 5: 'q4_0i8'", RK_ERR_ARGUMENT},
        {"cpu fp32 fp16", "column 10: 'fp16'", RK_ERR_ARGUMENT},
        {"cuda fp16 *", "ends at column 12", RK_ERR_ARGUMENT},
        {"cuda fp16 *x", "column 12: 'x'", RK_ERR_ARGUMENT},
        {"cuda fp16 *-1", "column 12: '-'", RK_ERR_ARGUMENT},
        {"cuda fp16 *10000000", "column 12: '10000000'", RK_ERR_ARGUMENT},
        {"cpu fp32 *4+", "column 12: '+'", RK_ERR_ARGUMENT},
        {"cuda + -> cuda:1 +", "column 18: '+'", RK_ERR_ARGUMENT},
        {"cpu fp32 ->", "ends at column 12", RK_ERR_ARGUMENT},
        {"-> cpu", "column 1: '->'", RK_ERR_ARGUMENT},
        {"cpu -> -> cpu", "column 8: '->'", RK_ERR_ARGUMENT},
        {"cpu -> auto", "column 8: 'auto'", RK_ERR_ARGUMENT},
        {"auto *3", "column 6: '*'", RK_ERR_ARGUMENT},
        {"auto -> cpu", "column 6: '->'", RK_ERR_ARGUMENT},
        {"cpu ; rm", "column 5: ';'", RK_ERR_ARGUMENT},
        {"a-word-that-is-much-longer-than-any-word-of-a-strategy", "column 1: 'a'",
         RK_ERR_ARGUMENT},
        {"aWordThatIsMuchLongerThanAnyWordOfAStrategy", "column 1: 'aWordThatIsMuch",
         RK_ERR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rk__strategy strategy;
        rk_error err = {0};
        cr_expect_eq(rk__strategy_parse(&strategy, cases[i].text, &err), cases[i].status, "%s",
                     cases[i].text);
        cr_expect_not_null(strstr(err.message, cases[i].place), "%s", err.message);
    }
}

Test(strategy, sixteen_parts_and_no_more) {
    char text[256] = "cpu";
    for (size_t i = 1; i < RK__MAX_STAGES; i++) strcat(text, "->cpu");
    cr_assert_eq(parse(text).n_parts, RK__MAX_STAGES);
    strcat(text, "->cpu");
    rk__strategy strategy;
    rk_error err = {0};
    cr_assert_eq(rk__strategy_parse(&strategy, text, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "more than 16"), "%s", err.message);
}

Test(strategy, devices_have_names) {
    char text[RK__DEVICE_TEXT];
    cr_assert_str_eq(rk__device_name(text, (rk__device){RK__DEVICE_CPU, 0}), "cpu");
    cr_assert_str_eq(rk__device_name(text, (rk__device){RK__DEVICE_CUDA, 5}), "cuda:5");
}
