// Means, bootstrap errors and percentiles, against closed forms.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "rk/statistics.h"

static rk_estimate estimate(const double *values, size_t n, const rk_bootstrap *bootstrap) {
    rk_estimate out = {0};
    rk_error err = {0};
    cr_assert_eq(rk_estimate_mean(&out, values, n, bootstrap, &err), RK_OK, "%s", err.message);
    return out;
}

Test(statistics, mean_and_plain_error) {
    const double values[] = {1, 2, 3, 4};
    const rk_estimate e = estimate(values, 4, NULL);
    cr_assert_eq(e.mean, 2.5);
    cr_assert_float_eq(e.standard_error, sqrt(5.0 / 3 / 4), 1e-15);
    cr_assert_eq(e.bootstrap_error, 0);
    cr_assert_eq(estimate(values, 1, NULL).standard_error, 0);
}

// Normal numbers, of two uniform ones each; `memory` of the number before stays in the next.
static double *make_series(size_t n, double memory, uint64_t seed) {
    double *values = malloc(n * sizeof *values), last = 0;
    rk__random random = {.seed = seed};
    for (size_t i = 0; i < n; i++) {
        const double u = rk__random_uniform(&random), v = rk__random_uniform(&random);
        last = memory * last + sqrt(-2 * log(1 - u)) * cos(2 * acos(-1.0) * v);
        values[i] = last;
    }
    return values;
}

Test(statistics, bootstrap_of_independent_numbers_equals_the_plain_error) {
    enum { N = 20000 };
    double *values = make_series(N, 0, 11);
    static const size_t blocks[] = {1, 16, 100};
    for (size_t i = 0; i < 3; i++) {
        const rk_bootstrap b = {.n_resamples = 4000, .block = blocks[i], .seed = 5};
        const rk_estimate e = estimate(values, N, &b);
        // 4000 resamples know a deviation to 1.1 %; 200 blocks know the variance to 10 %.
        cr_assert_float_eq(e.bootstrap_error / e.standard_error, 1, 0.15, "block %zu: %g",
                           blocks[i], e.bootstrap_error / e.standard_error);
    }
    free(values);
}

// x[i] = 0.8 x[i - 1] + noise: the mean's error is 1 / (1 - 0.8) x noise / sqrt(n), three times
// what the plain formula says.
Test(statistics, bootstrap_sees_that_neighbours_are_alike) {
    enum { N = 40000 };
    double *values = make_series(N, 0.8, 3);
    const double true_error = 1 / (1 - 0.8) / sqrt((double)N);
    const rk_bootstrap b = {.n_resamples = 4000, .block = 200, .seed = 1};
    const rk_estimate e = estimate(values, N, &b);
    cr_assert_float_eq(e.bootstrap_error / true_error, 1, 0.15, "%g", e.bootstrap_error);
    cr_assert_float_eq(e.standard_error / true_error, 1.0 / 3, 0.03, "%g", e.standard_error);
    free(values);
}

Test(statistics, bootstrap_is_the_same_for_the_same_seed) {
    enum { N = 777 };
    double *values = make_series(N, 0.5, 9);
    const rk_bootstrap a = {.n_resamples = 50, .block = 20, .seed = 4};
    const rk_bootstrap b = {.n_resamples = 50, .block = 20, .seed = 5};
    const double first = estimate(values, N, &a).bootstrap_error;
    cr_assert(first > 0);
    cr_assert_eq(estimate(values, N, &a).bootstrap_error, first);
    cr_assert_neq(estimate(values, N, &b).bootstrap_error, first);
    free(values);
}

// A large common part must not take the digits of a small spread.
Test(statistics, bootstrap_keeps_digits_beside_a_large_mean) {
    enum { N = 1000 };
    double *values = make_series(N, 0, 2), *moved = malloc(N * sizeof *moved);
    for (size_t i = 0; i < N; i++) moved[i] = values[i] + 1e9;
    const rk_bootstrap b = {.n_resamples = 100, .block = 10, .seed = 1};
    const double expected = estimate(values, N, &b).bootstrap_error;
    cr_assert_float_eq(estimate(moved, N, &b).bootstrap_error, expected, 1e-5 * expected);
    free(values);
    free(moved);
}

Test(statistics, bootstrap_block_stays_below_an_eighth) {
    const rk_bootstrap b = {.n_resamples = 10, .block = 256, .seed = 1};
    cr_assert_eq(rk_bootstrap_block(&b, 66077), 256);
    cr_assert_eq(rk_bootstrap_block(&b, 2048), 256);
    cr_assert_eq(rk_bootstrap_block(&b, 100), 12);
    cr_assert_eq(rk_bootstrap_block(&b, 3), 1);
    const rk_bootstrap zero = {.n_resamples = 10};
    cr_assert_eq(rk_bootstrap_block(&zero, 100), 1);
    cr_assert_eq(estimate((const double[]){4}, 1, &b).bootstrap_error, 0);
}

Test(statistics, paired_difference) {
    const double a[] = {1, 5, 9}, b[] = {0, 5, 7};
    const rk_estimate e = rk_paired_difference(a, b, 3);
    cr_assert_float_eq(e.mean, 1, 1e-15);
    cr_assert_float_eq(e.standard_error, sqrt(1.0 / 3), 1e-15);
}

// As numpy.percentile has them.
Test(statistics, percentiles) {
    double values[] = {7, 1, 3, 10};
    rk_sort_values(values, 4);
    cr_assert_eq(rk_percentile(values, 4, 0), 1);
    cr_assert_eq(rk_percentile(values, 4, 1), 10);
    cr_assert_float_eq(rk_percentile(values, 4, 0.5), 5, 1e-15);
    cr_assert_float_eq(rk_percentile(values, 4, 0.9), 9.1, 1e-14);
    cr_assert_float_eq(rk_percentile(values, 4, 1.0 / 3), 3, 1e-15);
    cr_assert_eq(rk_percentile((const double[]){4}, 1, 0.5), 4);
}
