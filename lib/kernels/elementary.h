// Elementary functions on one float32. They are this library's own, so that results do not depend
// on the C library, and so that every instruction set gives the same bits: the vector versions
// (elementary_avx2.h) do the same operations in the same order, none of them fused.
//
// Relative errors where the result is a normal number: exp 1e-7, sigmoid 2e-7, tanh 2e-7, over all
// floats (tests/kernels/check_vector.c samples them). Denormal results are off by at most one unit
// in their last place. Infinities give the limits, NaN gives NaN.
#ifndef RK_KERNELS_ELEMENTARY_H
#define RK_KERNELS_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// e^x = 2^n e^r with n = round(x / ln 2), so that |r| <= ln(2) / 2. ln 2 is subtracted in two
// parts: n times the first one is exact.
#define RK__LOG2_E   1.44269504f
#define RK__LN2_HIGH 0.693359375f
#define RK__LN2_LOW  (-2.12194440e-4f)

// e^r = 1 + r + r^2 q(r): q's coefficients from the constant one on. They leave a relative error of
// 4.8e-9 for |r| <= 1.01 ln(2) / 2.
#define RK__EXP_Q0 0x1.fffffcp-2f
#define RK__EXP_Q1 0x1.55548ap-3f
#define RK__EXP_Q2 0x1.555916p-5f
#define RK__EXP_Q3 0x1.123fc6p-7f
#define RK__EXP_Q4 0x1.6a1a6ep-10f

// Beyond these the result is 0 or infinity, and n would leave the range of exponents.
#define RK__EXP_LEAST (-104.0f)
#define RK__EXP_MOST  89.0f

// Adding this rounds a float below 2^22 to an integer, which then stands in the lowest bits.
#define RK__ROUNDER      0x1.8p23f
#define RK__ROUNDER_BITS 0x4b400000

// tanh(x) = x + x z p(z) with z = x^2, below RK__TANH_SMALL, where the quotient of exponentials
// would lose digits. The coefficients leave a relative error of 4.4e-9.
#define RK__TANH_SMALL 0.625f
#define RK__TANH_P0    (-0.333332819f)
#define RK__TANH_P1    0.133314422f
#define RK__TANH_P2    (-0.0537397153f)
#define RK__TANH_P3    0.0206390880f
#define RK__TANH_P4    (-0.00570498781f)

// exp(-0.5), the strongest decay of RWKV-7, rounded to six digits, as every implementation has it.
#define RK__RWKV7_STRONGEST (-0.606531f)

// 2^n for the exponents of normal numbers; anything for others.
static inline float rk__power_of_2(int32_t n) {
    const uint32_t bits = ((uint32_t)n + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

// The power of 2 is multiplied in two steps, since it may be no normal number itself.
static inline float rk__exp(float x) {
    x = RK__EXP_LEAST > x ? RK__EXP_LEAST : x; // false for NaN, which stays
    x = RK__EXP_MOST < x ? RK__EXP_MOST : x;
    const float shifted = x * RK__LOG2_E + RK__ROUNDER;
    const float n = shifted - RK__ROUNDER;
    const float r = x - n * RK__LN2_HIGH - n * RK__LN2_LOW;
    float q = RK__EXP_Q4;
    q = q * r + RK__EXP_Q3;
    q = q * r + RK__EXP_Q2;
    q = q * r + RK__EXP_Q1;
    q = q * r + RK__EXP_Q0;
    const float e = 1.0f + (r + r * r * q);
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    const int32_t exponent = (int32_t)(bits - RK__ROUNDER_BITS);
    const int32_t half = exponent >> 1;
    return e * rk__power_of_2(half) * rk__power_of_2(exponent - half);
}

// 1 / (1 + e^-x). The exponent is never positive, so nothing overflows on the way to 0 or 1.
static inline float rk__sigmoid(float x) {
    const float e = rk__exp(-fabsf(x));
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

static inline float rk__tanh(float x) {
    const float e = rk__exp(-2.0f * fabsf(x));
    const float large = (1.0f - e) / (1.0f + e);
    const float z = x * x;
    float p = RK__TANH_P4;
    p = p * z + RK__TANH_P3;
    p = p * z + RK__TANH_P2;
    p = p * z + RK__TANH_P1;
    p = p * z + RK__TANH_P0;
    const float small = x + x * z * p;
    return fabsf(x) < RK__TANH_SMALL ? small : copysignf(large, x);
}

static inline float rk__silu(float x) {
    return x * rk__sigmoid(x);
}

static inline float rk__exp_of_negative_exp(float x) {
    return rk__exp(-rk__exp(x));
}

static inline float rk__rwkv7_decay(float x) {
    return rk__exp(RK__RWKV7_STRONGEST * rk__sigmoid(x));
}

// max(x, 0)^2; a comparison that is false for NaN keeps it.
static inline float rk__squared_relu(float x) {
    return x <= 0.0f ? 0.0f : x * x;
}

#endif
