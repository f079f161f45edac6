// The block searches with vectors of 8 candidates, one a lane, and what a block's candidates share:
// every lane does what tensor/block_search.c does with a candidate, in the same order, to the same
// bits. For sources compiled with AVX2 or more.
#ifndef RK_KERNELS_ROWS_SEARCH_256_H
#define RK_KERNELS_ROWS_SEARCH_256_H

#include <immintrin.h>
#include <math.h>

#include "kernels/block_extremes_avx2.h"
#include "tensor/search_candidates.h"

_Static_assert((int)LANES == (int)RK__SEARCH_LANES, "a candidate a lane");

// A group of candidates, and what they are worth.
typedef struct candidates {
    __m256 d, m, gain;
} candidates;

// What all candidates of a block share.
typedef struct block {
    float values[RK__BLOCK];  // or offsets from the middle
    float weights[RK__BLOCK]; // the largest is 1
    float least, most;        // codes
    // around a middle code
    __m256 unit, last_unit; // of the positions, in the last group of candidates
    // above a least value
    float middle, weight_sum, weighted_offset;
    float start, range, start_that_matters, range_that_matters, mean, deviation; // of offsets
} block;

static RK__ALWAYS_INLINE __m256 to_f16(__m256 values) {
    return _mm256_cvtph_ps(_mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
}

static RK__ALWAYS_INLINE float to_f16_scalar(float value) {
    return _cvtsh_ss(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT));
}

static RK__ALWAYS_INLINE __m256 nearest_codes(__m256 position, __m256 least, __m256 most) {
    const __m256 no_fraction = _mm256_set1_ps(0x1.8p23f);
    const __m256 above = _mm256_max_ps(position, least); // the order sends NaN to the least
    const __m256 kept = _mm256_min_ps(above, most);
    return _mm256_sub_ps(_mm256_add_ps(kept, no_fraction), no_fraction);
}

static RK__ALWAYS_INLINE void level(float out[RK__BLOCK], const float *weights) {
    __m256 top = _mm256_setzero_ps();
    for (int i = 0; i < VECTORS; i++) {
        top = _mm256_max_ps(_mm256_loadu_ps(weights + LANES * i), top); // NaN leaves it as it is
    }
    const float scale = 1.0f / greatest_of(top);
    const bool usable = scale > 0.0f && scale < INFINITY;
    const __m256 factor = _mm256_set1_ps(scale);
    for (int i = 0; i < VECTORS; i++) {
        const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(weights + LANES * i), factor);
        _mm256_storeu_ps(out + LANES * i, usable ? scaled : _mm256_set1_ps(1.0f));
    }
}

static RK__ALWAYS_INLINE candidates nothing(void) {
    return (candidates){_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_set1_ps(-INFINITY)};
}

// Lanes whose gain is larger than the one so far take its place.
static RK__ALWAYS_INLINE void keep_better(candidates *best, const candidates *other) {
    const __m256 better = _mm256_cmp_ps(other->gain, best->gain, _CMP_GT_OQ);
    best->d = _mm256_blendv_ps(best->d, other->d, better);
    best->m = _mm256_blendv_ps(best->m, other->m, better);
    best->gain = _mm256_blendv_ps(best->gain, other->gain, better);
}

// The gain where `found`, elsewhere that of nothing.
static RK__ALWAYS_INLINE __m256 gain_where(__m256 found, __m256 gain) {
    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), gain, found);
}

// The first lane with the largest gain above `least`, or else `otherwise`.
static RK__ALWAYS_INLINE rk__block_fit pick(const candidates *c, float least,
                                            rk__block_fit otherwise) {
    float d[LANES], m[LANES], gain[LANES];
    float best = least;
    rk__block_fit picked = otherwise;
    _mm256_storeu_ps(d, c->d);
    _mm256_storeu_ps(m, c->m);
    _mm256_storeu_ps(gain, c->gain);
    for (int i = 0; i < LANES; i++) {
        if (!(gain[i] > best)) continue;
        best = gain[i];
        picked = (rk__block_fit){d[i], m[i]};
    }
    return picked;
}

// ---- formats around a middle code

static RK__ALWAYS_INLINE candidates fit_step(const block *b, __m256 inverse) {
    const __m256 least = _mm256_set1_ps(b->least), most = _mm256_set1_ps(b->most);
    __m256 value_code = _mm256_setzero_ps(), code_code = _mm256_setzero_ps();
    for (int i = 0; i < RK__BLOCK; i++) {
        const __m256 value = _mm256_broadcast_ss(&b->values[i]);
        const __m256 code = nearest_codes(_mm256_mul_ps(value, inverse), least, most);
        const __m256 weighted = _mm256_mul_ps(_mm256_broadcast_ss(&b->weights[i]), code);
        value_code = _mm256_add_ps(value_code, _mm256_mul_ps(weighted, value));
        code_code = _mm256_add_ps(code_code, _mm256_mul_ps(weighted, code));
    }
    const __m256 d = to_f16(_mm256_div_ps(value_code, code_code));
    const __m256 twice = _mm256_mul_ps(_mm256_set1_ps(2.0f), value_code);
    const __m256 gain = _mm256_mul_ps(d, _mm256_sub_ps(twice, _mm256_mul_ps(d, code_code)));
    const __m256 found = _mm256_and_ps(_mm256_cmp_ps(gain, _mm256_setzero_ps(), _CMP_GT_OQ),
                                       _mm256_cmp_ps(gain, _mm256_set1_ps(INFINITY), _CMP_LT_OQ));
    return (candidates){d, _mm256_setzero_ps(), gain_where(found, gain)};
}

// The root of the weighted mean of the squares.
static RK__ALWAYS_INLINE float root_mean_square(const block *b) {
    float squares = 0.0f, weight_sum = 0.0f;
    for (int i = 0; i < RK__BLOCK; i++) {
        squares += b->weights[i] * (b->values[i] * b->values[i]);
        weight_sum += b->weights[i];
    }
    return sqrtf(squares / weight_sum);
}

// The signed extreme of the values that matter.
static RK__ALWAYS_INLINE float extreme_that_matters(const block *b, const vectors *x) {
    float values[RK__BLOCK];
    vectors kept;
    for (int i = 0; i < VECTORS; i++) {
        const __m256 weights = _mm256_loadu_ps(b->weights + LANES * i);
        const __m256 little =
            _mm256_cmp_ps(weights, _mm256_set1_ps(rk__weight_that_matters), _CMP_LT_OQ);
        kept.v[i] = _mm256_andnot_ps(little, x->v[i]);
        _mm256_storeu_ps(values + LANES * i, kept.v[i]);
    }
    return signed_extreme(&kept, values);
}

static RK__ALWAYS_INLINE void prepare_steps(block *b, const vectors *x, const float *weights,
                                            float extreme, float zero) {
    *b = (block){.least = -zero, .most = zero - 1.0f};
    for (int i = 0; i < VECTORS; i++) _mm256_storeu_ps(b->values + LANES * i, x->v[i]);
    level(b->weights, weights);
    const __m256 that_matters = _mm256_set1_ps(zero / 8.0f / extreme_that_matters(b, x));
    const __m256 of_rms = _mm256_set1_ps(zero / 8.0f / copysignf(root_mean_square(b), extreme));
    b->unit = _mm256_set1_ps(zero / 8.0f / extreme);
    b->last_unit = _mm256_blend_ps(that_matters, of_rms, 0xf0);
}

// What values are multiplied by to become positions, in a group of candidates.
static RK__ALWAYS_INLINE __m256 inverse_steps(const block *b, int group) {
    const bool last = group == RK__AROUND_ZERO_GROUPS - 1;
    return _mm256_mul_ps(_mm256_loadu_ps(rk__spreads[group]), last ? b->last_unit : b->unit);
}

// What a group's candidates have become when the best of every lane is refined.
static RK__ALWAYS_INLINE rk__block_fit refine_steps(candidates *best, const block *b,
                                                    float extreme) {
    for (int i = 0; i < RK__SEARCH_REFINEMENTS; i++) {
        const candidates c = fit_step(b, _mm256_div_ps(_mm256_set1_ps(1.0f), best->d));
        keep_better(best, &c);
    }
    return pick(best, 0.0f, (rk__block_fit){to_f16_scalar(extreme / b->least), 0.0f});
}

// ---- formats above a least value

// The range of the values that matter.
static RK__ALWAYS_INLINE void find_range_that_matters(block *b) {
    const __m256 enough = _mm256_set1_ps(rk__weight_that_matters);
    __m256 low = _mm256_set1_ps(INFINITY), high = _mm256_set1_ps(-INFINITY);
    for (int i = 0; i < VECTORS; i++) {
        const __m256 weights = _mm256_loadu_ps(b->weights + LANES * i);
        const __m256 offsets = _mm256_loadu_ps(b->values + LANES * i);
        const __m256 little = _mm256_cmp_ps(weights, enough, _CMP_LT_OQ);
        // NaN leaves them as they are.
        low = _mm256_min_ps(_mm256_blendv_ps(offsets, _mm256_set1_ps(INFINITY), little), low);
        high = _mm256_max_ps(_mm256_blendv_ps(offsets, _mm256_set1_ps(-INFINITY), little), high);
    }
    b->start_that_matters = least_of(low);
    b->range_that_matters = greatest_of(high) - b->start_that_matters;
}

static RK__ALWAYS_INLINE void prepare_lines(block *b, const vectors *x, const float *weights,
                                            float lowest, float d, float largest) {
    *b = (block){.most = largest, .range = largest * d};
    level(b->weights, weights);
    b->middle = lowest + 0.5f * (largest * d);
    b->start = lowest - b->middle;
    for (int i = 0; i < VECTORS; i++) {
        _mm256_storeu_ps(b->values + LANES * i, _mm256_sub_ps(x->v[i], _mm256_set1_ps(b->middle)));
    }
    float squares = 0.0f;
    for (int i = 0; i < RK__BLOCK; i++) {
        const float weighted = b->weights[i] * b->values[i];
        b->weight_sum += b->weights[i];
        b->weighted_offset += weighted;
        squares += weighted * b->values[i];
    }
    b->mean = b->weighted_offset / b->weight_sum;
    b->deviation = sqrtf(squares / b->weight_sum - b->mean * b->mean);
    find_range_that_matters(b);
}

// Where the lines of a group of candidates begin, and how far they reach.
typedef struct reaches {
    __m256 start, width;
} reaches;

static RK__ALWAYS_INLINE reaches reaches_of(const block *b, int group) {
    if (group == RK__ABOVE_LEAST_GROUPS - 1) {
        const __m256 half =
            _mm256_mul_ps(_mm256_loadu_ps(rk__deviations), _mm256_set1_ps(b->deviation));
        return (reaches){_mm256_sub_ps(_mm256_set1_ps(b->mean), half),
                         _mm256_mul_ps(_mm256_set1_ps(2.0f), half)};
    }
    const bool last = group == RK__ABOVE_LEAST_GROUPS - 2;
    const __m256 start = _mm256_set1_ps(last ? b->start_that_matters : b->start);
    const __m256 range = _mm256_set1_ps(last ? b->range_that_matters : b->range);
    const __m256 below = _mm256_loadu_ps(rk__cuts_below[group]);
    const __m256 above = _mm256_loadu_ps(rk__cuts_above[group]);
    const __m256 left = _mm256_sub_ps(_mm256_sub_ps(_mm256_set1_ps(1.0f), below), above);
    return (reaches){_mm256_add_ps(start, _mm256_mul_ps(below, range)), _mm256_mul_ps(left, range)};
}

#endif
