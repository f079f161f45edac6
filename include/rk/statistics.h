// How sure one can be of a mean: standard errors, block bootstrap, percentiles.
#ifndef RK_STATISTICS_H
#define RK_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// A mean with two estimates of its standard error. The plain one takes the numbers as independent,
// which those of neighbouring tokens are not; the bootstrap one does not.
typedef struct rk_estimate {
    double mean;
    double standard_error;  // sqrt(variance / n); 0 for fewer than two numbers
    double bootstrap_error; // 0 when none was asked for
} rk_estimate;

// A circular block bootstrap: a resample is made of blocks of neighbouring numbers, each from
// anywhere, the last number being followed by the first. The standard error is the deviation of the
// resamples' means.
typedef struct rk_bootstrap {
    size_t n_resamples; // 0: none
    size_t block;       // numbers in a block, at least 1; at most an eighth of all is used
    uint64_t seed;      // of the generator (Philox4x32-10): the same numbers, the same result
} rk_bootstrap;

// The block that is used for n numbers: what is asked for, but at most n / 8, and at least 1.
size_t rk_bootstrap_block(const rk_bootstrap *bootstrap, size_t n);

// *out = the estimate from n > 0 numbers, in their order. bootstrap NULL: none; with one, 8 n bytes
// are taken, and failing to get them (ERR_MEMORY) is all that can go wrong.
rk_status rk_estimate_mean(rk_estimate *out, const double *values, size_t n,
                           const rk_bootstrap *bootstrap, rk_error *err);

// The mean of a[i] - b[i]: what differs between two models on the same text, free of what is hard
// or easy for both. Plain standard error alone.
rk_estimate rk_paired_difference(const double *a, const double *b, size_t n);

// The value below which the share `share` (0 .. 1) of n > 0 values lies, which are in ascending
// order: between two of them, a straight line.
double rk_percentile(const double *sorted, size_t n, double share);

// Brings values into ascending order; NaN has no place in them.
void rk_sort_values(double *values, size_t n);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
