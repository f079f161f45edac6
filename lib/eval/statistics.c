// Means, their standard errors, percentiles.
#include "rk/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "eval/moments.h"

// ---- block bootstrap

size_t rk_bootstrap_block(const rk_bootstrap *bootstrap, size_t n) {
    const size_t most = n / 8 > 0 ? n / 8 : 1;
    if (bootstrap->block < 1) return 1;
    return bootstrap->block < most ? bootstrap->block : most;
}

// The sum of `count` <= n deviations from `first` on, going round at the end. sums[i] is that of
// the first i.
static double circular_sum(const double *sums, size_t n, size_t first, size_t count) {
    const size_t end = first + count;
    if (end <= n) return sums[end] - sums[first];
    return sums[n] - sums[first] + sums[end - n];
}

static double resample_mean(const double *sums, size_t n, size_t block, rk__random *random) {
    double total = 0;
    for (size_t done = 0; done < n;) {
        const size_t count = n - done < block ? n - done : block;
        const size_t first = (size_t)(rk__random_uniform(random) * (double)n);
        total += circular_sum(sums, n, first, count);
        done += count;
    }
    return total / (double)n;
}

// Deviations from the mean are summed rather than the numbers, so that differences of sums keep
// their digits.
static rk_status bootstrap_error(double *out, const double *values, size_t n, double mean,
                                 const rk_bootstrap *bootstrap, rk_error *err) {
    double *sums;
    size_t n_sums;
    if (!rk_size_add(&n_sums, n, 1)) return rk__fail_memory(err, SIZE_MAX);
    RK_TRY(rk__alloc((void **)&sums, n_sums, sizeof *sums, err));
    for (size_t i = 0; i < n; i++) sums[i + 1] = sums[i] + (values[i] - mean);
    const size_t block = rk_bootstrap_block(bootstrap, n);
    rk__random random = {.seed = bootstrap->seed};
    rk__moments means = {0};
    for (size_t i = 0; i < bootstrap->n_resamples; i++) {
        rk__moments_add(&means, resample_mean(sums, n, block, &random));
    }
    rk__free(sums);
    *out = sqrt(rk__moments_variance(&means));
    return RK_OK;
}

// ---- estimates

rk_status rk_estimate_mean(rk_estimate *out, const double *values, size_t n,
                           const rk_bootstrap *bootstrap, rk_error *err) {
    rk__moments moments = {0};
    for (size_t i = 0; i < n; i++) rk__moments_add(&moments, values[i]);
    *out =
        (rk_estimate){.mean = moments.mean, .standard_error = rk__moments_standard_error(&moments)};
    if (bootstrap == NULL || bootstrap->n_resamples == 0) return RK_OK;
    return bootstrap_error(&out->bootstrap_error, values, n, moments.mean, bootstrap, err);
}

rk_estimate rk_paired_difference(const double *a, const double *b, size_t n) {
    rk__moments moments = {0};
    for (size_t i = 0; i < n; i++) rk__moments_add(&moments, a[i] - b[i]);
    return (rk_estimate){.mean = moments.mean,
                         .standard_error = rk__moments_standard_error(&moments)};
}

// ---- percentiles

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rk_sort_values(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare_doubles);
}

double rk_percentile(const double *sorted, size_t n, double share) {
    const double at = share * (double)(n - 1);
    const size_t below = (size_t)at;
    if (below + 1 >= n) return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}
