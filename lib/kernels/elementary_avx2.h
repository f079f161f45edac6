// The functions of elementary.h on 8 floats: the same operations in the same order.
#ifndef RK_KERNELS_ELEMENTARY_AVX2_H
#define RK_KERNELS_ELEMENTARY_AVX2_H

#include <immintrin.h>

#include "kernels/elementary.h"
#include "kernels/inlining.h"

static RK__ALWAYS_INLINE __m256 rk__times_plus_8(__m256 a, __m256 b, float c) {
    return _mm256_add_ps(_mm256_mul_ps(a, b), _mm256_set1_ps(c));
}

static RK__ALWAYS_INLINE __m256 rk__power_of_2_8(__m256i n) {
    const __m256i biased = _mm256_add_epi32(n, _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

// min and max give their second operand where one is NaN.
static RK__ALWAYS_INLINE __m256 rk__exp_8(__m256 x) {
    x = _mm256_max_ps(_mm256_set1_ps(RK__EXP_LEAST), x);
    x = _mm256_min_ps(_mm256_set1_ps(RK__EXP_MOST), x);
    const __m256 shifted = rk__times_plus_8(x, _mm256_set1_ps(RK__LOG2_E), RK__ROUNDER);
    const __m256 n = _mm256_sub_ps(shifted, _mm256_set1_ps(RK__ROUNDER));
    __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(RK__LN2_HIGH)));
    r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(RK__LN2_LOW)));
    __m256 q = _mm256_set1_ps(RK__EXP_Q4);
    q = rk__times_plus_8(q, r, RK__EXP_Q3);
    q = rk__times_plus_8(q, r, RK__EXP_Q2);
    q = rk__times_plus_8(q, r, RK__EXP_Q1);
    q = rk__times_plus_8(q, r, RK__EXP_Q0);
    const __m256 rest = _mm256_add_ps(r, _mm256_mul_ps(_mm256_mul_ps(r, r), q));
    const __m256 e = _mm256_add_ps(_mm256_set1_ps(1.0f), rest);
    const __m256i exponent =
        _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(RK__ROUNDER_BITS));
    const __m256i half = _mm256_srai_epi32(exponent, 1);
    const __m256 part = _mm256_mul_ps(e, rk__power_of_2_8(half));
    return _mm256_mul_ps(part, rk__power_of_2_8(_mm256_sub_epi32(exponent, half)));
}

static RK__ALWAYS_INLINE __m256 rk__magnitude_8(__m256 x) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

static RK__ALWAYS_INLINE __m256 rk__sigmoid_8(__m256 x) {
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 e = rk__exp_8(_mm256_or_ps(_mm256_set1_ps(-0.0f), x));
    const __m256 is_positive = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GE_OQ);
    return _mm256_div_ps(_mm256_blendv_ps(e, one, is_positive), _mm256_add_ps(one, e));
}

static RK__ALWAYS_INLINE __m256 rk__tanh_8(__m256 x) {
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 sign = _mm256_and_ps(_mm256_set1_ps(-0.0f), x);
    const __m256 magnitude = rk__magnitude_8(x);
    const __m256 e = rk__exp_8(_mm256_mul_ps(_mm256_set1_ps(-2.0f), magnitude));
    const __m256 large = _mm256_div_ps(_mm256_sub_ps(one, e), _mm256_add_ps(one, e));
    const __m256 z = _mm256_mul_ps(x, x);
    __m256 p = _mm256_set1_ps(RK__TANH_P4);
    p = rk__times_plus_8(p, z, RK__TANH_P3);
    p = rk__times_plus_8(p, z, RK__TANH_P2);
    p = rk__times_plus_8(p, z, RK__TANH_P1);
    p = rk__times_plus_8(p, z, RK__TANH_P0);
    const __m256 small = _mm256_add_ps(x, _mm256_mul_ps(_mm256_mul_ps(x, z), p));
    const __m256 is_small = _mm256_cmp_ps(magnitude, _mm256_set1_ps(RK__TANH_SMALL), _CMP_LT_OQ);
    const __m256 signed_large = _mm256_or_ps(rk__magnitude_8(large), sign);
    return _mm256_blendv_ps(signed_large, small, is_small);
}

static RK__ALWAYS_INLINE __m256 rk__silu_8(__m256 x) {
    return _mm256_mul_ps(x, rk__sigmoid_8(x));
}

static RK__ALWAYS_INLINE __m256 rk__negative_8(__m256 x) {
    return _mm256_xor_ps(_mm256_set1_ps(-0.0f), x);
}

static RK__ALWAYS_INLINE __m256 rk__exp_of_negative_exp_8(__m256 x) {
    return rk__exp_8(rk__negative_8(rk__exp_8(x)));
}

static RK__ALWAYS_INLINE __m256 rk__rwkv7_decay_8(__m256 x) {
    return rk__exp_8(_mm256_mul_ps(_mm256_set1_ps(RK__RWKV7_STRONGEST), rk__sigmoid_8(x)));
}

static RK__ALWAYS_INLINE __m256 rk__squared_relu_8(__m256 x) {
    const __m256 is_zero = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LE_OQ);
    return _mm256_andnot_ps(is_zero, _mm256_mul_ps(x, x));
}

#endif
