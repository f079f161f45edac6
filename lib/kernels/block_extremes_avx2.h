// What a block's values reach, with AVX2: as tensor/round_codes.h finds it.
#ifndef RK_KERNELS_BLOCK_EXTREMES_AVX2_H
#define RK_KERNELS_BLOCK_EXTREMES_AVX2_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/inlining.h"
#include "tensor/blocks.h"

enum { LANES = 8, VECTORS = RK__BLOCK / LANES };

// A block's values: v[i] holds numbers 8 i .. 8 i + 7.
typedef struct vectors {
    __m256 v[VECTORS];
} vectors;

static RK__ALWAYS_INLINE vectors load(const float *values) {
    vectors x;
    RK__UNROLL for (int i = 0; i < VECTORS; i++) x.v[i] = _mm256_loadu_ps(values + LANES * i);
    return x;
}

static RK__ALWAYS_INLINE float greatest_of(__m256 v) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

static RK__ALWAYS_INLINE float least_of(__m256 v) {
    __m128 x = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_min_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}

static RK__ALWAYS_INLINE float greatest(const vectors *x) {
    return greatest_of(
        _mm256_max_ps(_mm256_max_ps(x->v[0], x->v[1]), _mm256_max_ps(x->v[2], x->v[3])));
}

static RK__ALWAYS_INLINE float least(const vectors *x) {
    return least_of(
        _mm256_min_ps(_mm256_min_ps(x->v[0], x->v[1]), _mm256_min_ps(x->v[2], x->v[3])));
}

// The first of the values whose magnitude is this one, or 0 when none is.
static float first_of_magnitude(const float *values, float magnitude) {
    for (size_t i = 0; i < RK__BLOCK; i++) {
        if (__builtin_fabsf(values[i]) == magnitude) return values[i];
    }
    return 0.0f;
}

// The value of largest magnitude with its sign, the first one on a tie; 0 for zeros of either sign.
static RK__ALWAYS_INLINE float signed_extreme(const vectors *x, const float *values) {
    const float high = greatest(x);
    const float low = least(x);
    if (high == -low) return high == 0.0f ? 0.0f : first_of_magnitude(values, high);
    return high > -low ? high : low;
}

// The least and the greatest value.
typedef struct extremes {
    float least, greatest;
} extremes;

static RK__ALWAYS_INLINE extremes find_extremes(const vectors *x, const float *values) {
    extremes e = {least(x), greatest(x)};
    if (e.least == 0.0f) { // which of several zeros it is shows in the sign of m
        e.least = first_of_magnitude(values, 0.0f);
        if (e.greatest == 0.0f) e.greatest = e.least;
    }
    return e;
}

#endif
