// exp(x) = 2^k exp(r) with k = round(x / ln 2), so that |r| <= ln(2) / 2, where the terms of the
// series up to r^13 leave an error of 4e-18.
#ifndef RK_KERNELS_EXPONENTIAL_SERIES_H
#define RK_KERNELS_EXPONENTIAL_SERIES_H

#include <stdint.h>
#include <string.h>

#include "kernels/inlining.h"

#define RK__DOUBLE_LOG2_E 0x1.71547652b82fep0
// ln 2 in two parts: k times the first one is exact.
#define RK__DOUBLE_LN2_HIGH 0x1.62e42fee00000p-1
#define RK__DOUBLE_LN2_LOW  0x1.a39ef35793c76p-33
// Below, 2^k would be no normal number.
#define RK__DOUBLE_EXP_LEAST (-708.0)
// Adding this rounds to an integer, which then stands in the lowest bits.
#define RK__DOUBLE_ROUNDER 0x1.8p52
#define RK__DOUBLE_BIAS    1023

// The coefficients from that of r^13 to that of r^0.
enum { RK__EXP_TERMS = 14 };
static const double rk__exp_terms[RK__EXP_TERMS] = {
    1.0 / 6227020800,
    1.0 / 479001600,
    1.0 / 39916800,
    1.0 / 3628800,
    1.0 / 362880,
    1.0 / 40320,
    1.0 / 5040,
    1.0 / 720,
    1.0 / 120,
    1.0 / 24,
    1.0 / 6,
    1.0 / 2,
    1.0,
    1.0,
};

static inline double rk__double_exp(double x) {
    x = x < RK__DOUBLE_EXP_LEAST ? RK__DOUBLE_EXP_LEAST : x; // false for NaN, which stays
    const double shifted = x * RK__DOUBLE_LOG2_E + RK__DOUBLE_ROUNDER;
    const double k = shifted - RK__DOUBLE_ROUNDER;
    const double r = x - k * RK__DOUBLE_LN2_HIGH - k * RK__DOUBLE_LN2_LOW;
    double sum = rk__exp_terms[0];
    RK__UNROLL
    for (int i = 1; i < RK__EXP_TERMS; i++) sum = sum * r + rk__exp_terms[i];
    // The exponent of 2^k: the lowest bits of `shifted` and the bias. What is above is shifted out.
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + RK__DOUBLE_BIAS) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

#endif
