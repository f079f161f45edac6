// The candidates of a draw: what the sampler's own tests cannot reach.
#include <criterion/criterion.h>
#include <math.h>

#include "text/filters.h"

static rk__candidates make(const float *logits, size_t n) {
    rk__candidates candidates;
    cr_assert_eq(rk__candidates_init(&candidates, n, NULL), RK_OK);
    cr_assert_eq(rk__candidates_load(&candidates, logits, NULL), RK_OK);
    rk__candidates_softmax(&candidates);
    return candidates;
}

Test(candidates, banned_tokens_are_none) {
    const float logits[] = {-INFINITY, 0, -INFINITY, 0, -INFINITY};
    rk__candidates candidates = make(logits, 5);
    cr_assert_eq(candidates.count, 2);
    cr_assert_eq(candidates.items[0].token, 1);
    cr_assert_eq(candidates.items[1].token, 3);
    cr_assert_eq(candidates.items[0].p, 0.5);
    cr_assert_eq(candidates.items[1].p, 0.5);
    rk__candidates_fini(&candidates);
    rk__candidates_fini(&candidates);
}

Test(candidates, a_number_picks_the_interval_it_lies_in) {
    const float logits[] = {0, 0, -INFINITY, 0, 0};
    rk__candidates candidates = make(logits, 5);
    static const struct {
        double u;
        uint32_t token;
    } cases[] = {{0, 0},   {0.2499, 0}, {0.25, 1}, {0.4999, 1},
                 {0.5, 3}, {0.75, 4},   {0.99, 4}, {0x1.fffffffffffffp-1, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(rk__candidates_pick(&candidates, cases[i].u), cases[i].token, "u = %g",
                     cases[i].u);
    }
    rk__candidates_fini(&candidates);
}

// Candidates whose probability has become 0 are never picked, neither by u = 0 nor where the sum of
// all stays below u because of rounding.
Test(candidates, what_has_no_chance_is_not_picked) {
    const float logits[] = {-3000, 0, 0, -3000};
    rk__candidates candidates = make(logits, 4);
    cr_assert_eq(candidates.count, 4);
    cr_assert_eq(rk__candidates_pick(&candidates, 0), 1);
    candidates.items[2].p -= 1e-15;
    cr_assert_eq(rk__candidates_pick(&candidates, 0x1.fffffffffffffp-1), 2);
    rk__candidates_fini(&candidates);
}

Test(candidates, what_is_kept_weighs_one_together) {
    const float logits[] = {(float)log(0.5), (float)log(0.1), (float)log(0.25), (float)log(0.15)};
    rk__candidates candidates = make(logits, 4);
    rk__candidates_keep_from(&candidates, 0.2);
    cr_assert_eq(candidates.count, 2);
    cr_assert_eq(candidates.items[0].token, 0);
    cr_assert_eq(candidates.items[1].token, 2);
    cr_assert_float_eq(candidates.items[0].p, 2.0 / 3, 1e-7);
    cr_assert_float_eq(candidates.items[0].p + candidates.items[1].p, 1, 1e-15);
    rk__candidates_fini(&candidates);
}

// Weights are relative to each other, to nothing else: a filter may have dropped the largest.
Test(candidates, weights_may_be_far_from_0) {
    const float logits[] = {0, -1, -2};
    rk__candidates candidates = make(logits, 3);
    for (size_t i = 0; i < 3; i++) candidates.items[i].weight -= 5000;
    rk__candidates_softmax(&candidates);
    const double sum = 1 + exp(-1) + exp(-2);
    cr_assert_float_eq(candidates.items[1].p, exp(-1) / sum, 1e-12);
    rk__filter_temperature(&candidates, 1e-306); // -5000 / 1e-306 would be -infinity for all
    cr_assert_eq(candidates.items[0].p, 1);
    cr_assert_eq(candidates.items[1].p, 0);
    rk__candidates_fini(&candidates);
}

// The chain's order is free: the same rules hold after temperature.
Test(candidates, filters_work_in_any_order) {
    const float logits[] = {2, 1, 0, -1};
    rk__candidates candidates = make(logits, 4);
    rk__filter_temperature(&candidates, 0.5); // p proportional to exp(2 logit)
    const double sum = 1 + exp(-2) + exp(-4) + exp(-6);
    cr_assert_float_eq(candidates.items[0].p, 1 / sum, 1e-15);
    cr_assert_float_eq(candidates.items[3].p, exp(-6) / sum, 1e-15);
    rk__filter_top_p(&candidates, 0.95); // 0.8650, 0.9821, ...
    cr_assert_eq(candidates.count, 2);
    rk__filter_temperature(&candidates, 2); // back to exp(logit)
    cr_assert_float_eq(candidates.items[1].p, exp(-1) / (1 + exp(-1)), 1e-15);
    rk__filter_temperature(&candidates, 0);
    cr_assert_eq(candidates.count, 1);
    cr_assert_eq(candidates.items[0].p, 1);
    rk__candidates_fini(&candidates);
}
