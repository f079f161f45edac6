// Mean and variance of numbers that come one at a time, in one pass (Welford).
#ifndef RK_MOMENTS_H
#define RK_MOMENTS_H

#include <stdint.h>

// All zeros: no numbers yet.
typedef struct rk__moments {
    uint64_t count;
    double mean;
    double squares; // sum of squared deviations from the mean
} rk__moments;

void rk__moments_add(rk__moments *moments, double value);

// The unbiased variance; 0 for fewer than two numbers.
double rk__moments_variance(const rk__moments *moments);

// Of the mean, taking the numbers as independent: sqrt(variance / count); 0 for fewer than two.
double rk__moments_standard_error(const rk__moments *moments);

#endif
