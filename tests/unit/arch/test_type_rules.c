// Explicit choices of types: what they reach, which of several counts, and what they cannot ask
// for.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "made_up_model.h"

static const test_sizes sizes = {3, {['V'] = 64, ['C'] = 48, ['F'] = 96}};

static rk_error err;

// The types of the tensors by these rules; NULL, with err, when they cannot be followed.
static rk_dtype *types_by(const test_made_up_model *m, const rk_type_rule *rules, size_t n_rules,
                          unsigned version) {
    const rk__type_request request = {.target = RK_DTYPE_F16,
                                      .version = version,
                                      .mix = RK_MIX_DEFAULT,
                                      .rules = rules,
                                      .n_rules = n_rules};
    rk_dtype *types = calloc(m->plan.n_tensors, sizeof types[0]);
    if (rk__type_plan(types, &m->stored, &request, &err) == RK_OK) return types;
    cr_assert_eq(err.code, RK_ERR_ARGUMENT, "%s", err.message);
    free(types);
    return NULL;
}

static void expect_refused(const test_made_up_model *m, rk_type_rule rule, const char *what) {
    cr_expect_null(types_by(m, &rule, 1, 101), "%s", rule.pattern);
    cr_expect_not_null(strstr(err.message, what), "%s", err.message);
}

Test(type_rules, the_last_one_that_matches_counts) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &sizes, RK_DTYPE_F32);
    const rk_type_rule rules[] = {
        {"ffn\\.value", RK_DTYPE_Q4_0},
        {"^blocks\\.[02]\\.ffn\\.value\\.weight$", RK_DTYPE_Q8_0},
        {"blocks\\.2\\.ffn\\.(value|nothing)", RK_DTYPE_F32},
    };
    rk_dtype *types = types_by(m, rules, 3, 101);
    cr_assert_not_null(types, "%s", err.message);
    cr_expect_eq(types[test_made_up_find(m, "blocks.0.ffn.value.weight")], RK_DTYPE_Q8_0);
    cr_expect_eq(types[test_made_up_find(m, "blocks.1.ffn.value.weight")], RK_DTYPE_Q4_0);
    cr_expect_eq(types[test_made_up_find(m, "blocks.2.ffn.value.weight")], RK_DTYPE_F32);
    cr_expect_eq(types[test_made_up_find(m, "blocks.1.ffn.key.weight")], RK_DTYPE_F16);
    free(types);
    test_made_up_model_free(m);
}

Test(type_rules, reach_embedding_and_head_and_confirm_vectors) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &sizes, RK_DTYPE_F32);
    const rk_type_rule rules[] = {{"^(emb|head)", RK_DTYPE_F32}, {"ln_out", RK_DTYPE_F32}};
    rk_dtype *types = types_by(m, rules, 2, 101);
    cr_assert_not_null(types, "%s", err.message);
    cr_expect_eq(types[test_made_up_find(m, "emb.weight")], RK_DTYPE_F32);
    cr_expect_eq(types[test_made_up_find(m, "head.weight")], RK_DTYPE_F32);
    free(types);
    test_made_up_model_free(m);
}

Test(type_rules, what_cannot_be_followed_names_the_tensor) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &sizes, RK_DTYPE_F32);
    expect_refused(m, (rk_type_rule){"att\\.key", RK_DTYPE_Q4_0}, "blocks.0.att.key.weight");
    cr_expect_not_null(strstr(err.message, "48"), "%s", err.message);
    expect_refused(m, (rk_type_rule){"ln2.bias", RK_DTYPE_F16}, "blocks.0.ln2.bias");
    cr_expect_not_null(strstr(err.message, "vector"), "%s", err.message);
    expect_refused(m, (rk_type_rule){"^att", RK_DTYPE_F16}, "'^att'");
    expect_refused(m, (rk_type_rule){"ffn.(value", RK_DTYPE_F16}, "'ffn.(value'");
    expect_refused(m, (rk_type_rule){"ffn.value", RK_DTYPE_BF16}, "BF16");
    expect_refused(m, (rk_type_rule){"ffn.value", RK_DTYPE_Q4_3_V100}, "Q4_3");
    expect_refused(m, (rk_type_rule){"ffn.value", RK_DTYPE_COUNT}, "'ffn.value'");
    test_made_up_model_free(m);
}

// A format means its layout in the version that is written.
Test(type_rules, formats_follow_the_version) {
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv4, &sizes, RK_DTYPE_F32);
    const rk_type_rule rules[] = {{"ffn.value", RK_DTYPE_Q5_0},
                                  {"2.ffn.value", RK_DTYPE_Q4_3_V100}};
    rk_dtype *types = types_by(m, rules, 2, 100);
    cr_assert_not_null(types, "%s", err.message);
    cr_expect_eq(types[test_made_up_find(m, "blocks.1.ffn.value.weight")], RK_DTYPE_Q5_0_V100);
    cr_expect_eq(types[test_made_up_find(m, "blocks.2.ffn.value.weight")], RK_DTYPE_Q4_3_V100);
    free(types);
    test_made_up_model_free(m);
}

// RWKV-6 keeps five matrices in one tensor: they have one type.
Test(type_rules, parts_of_a_tensor_share_their_type) {
    const test_sizes six = {2,
                            {['V'] = 64,
                             ['C'] = 64,
                             ['F'] = 96,
                             ['H'] = 2,
                             ['N'] = 32,
                             ['M'] = 32,
                             ['J'] = 160,
                             ['W'] = 32}};
    test_made_up_model *m = test_make_up_model(&rk__arch_rwkv6, &six, RK_DTYPE_F32);
    const rk_type_rule rules[] = {{"1.att.time_maa_w2", RK_DTYPE_Q8_0}};
    rk_dtype *types = types_by(m, rules, 1, 101);
    cr_assert_not_null(types, "%s", err.message);
    size_t n_parts = 0;
    for (size_t i = 0; i < m->plan.n_tensors; i++) {
        if (strcmp(m->plan.tensors[i].row->name, "att.time_maa_w2") != 0) continue;
        cr_expect_eq(types[i], m->plan.tensors[i].layer == 1 ? RK_DTYPE_Q8_0 : RK_DTYPE_F32);
        n_parts += m->plan.tensors[i].layer == 1;
    }
    cr_expect_eq(n_parts, 5u);
    free(types);
    test_made_up_model_free(m);
}
