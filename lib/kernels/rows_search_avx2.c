// The block searches with AVX2: the candidates of a group in the lanes of a vector, so that every
// lane does what tensor/block_search.c does with a candidate, in the same order, to the same bits.
#include <immintrin.h>
#include <math.h>

#include "kernels/block_extremes_avx2.h"
#include "kernels/rows.h"
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
    float middle, weight_sum, weighted_offset;
    float start, range, start_that_matters, range_that_matters, mean, deviation; // of offsets
} block;

static RK__ALWAYS_INLINE __m256 to_f16(__m256 values) {
    return _mm256_cvtph_ps(_mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
}

static float to_f16_scalar(float value) {
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

// Lanes whose gain is larger than the one so far take its place.
static RK__ALWAYS_INLINE void keep_better(candidates *best, const candidates *other) {
    const __m256 better = _mm256_cmp_ps(other->gain, best->gain, _CMP_GT_OQ);
    best->d = _mm256_blendv_ps(best->d, other->d, better);
    best->m = _mm256_blendv_ps(best->m, other->m, better);
    best->gain = _mm256_blendv_ps(best->gain, other->gain, better);
}

static RK__ALWAYS_INLINE candidates nothing(void) {
    return (candidates){_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_set1_ps(-INFINITY)};
}

// The gain where `found`, elsewhere that of nothing.
static RK__ALWAYS_INLINE __m256 gain_where(__m256 found, __m256 gain) {
    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), gain, found);
}

// The first lane with the largest gain above `least`, or else `otherwise`.
static rk__block_fit pick(const candidates *c, float least, rk__block_fit otherwise) {
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

static RK__ALWAYS_INLINE void try_steps(candidates *best, const block *b, int group, __m256 unit) {
    const candidates c = fit_step(b, _mm256_mul_ps(_mm256_loadu_ps(rk__spreads[group]), unit));
    keep_better(best, &c);
}

static RK__ALWAYS_INLINE rk__block_fit search_around_zero(const float *values, const float *weights,
                                                          float zero) {
    const vectors x = load(values);
    const float extreme = signed_extreme(&x, values);
    const int last = RK__AROUND_ZERO_GROUPS - 1;
    block b = {.least = -zero, .most = zero - 1.0f};
    candidates best = nothing();
    for (int i = 0; i < VECTORS; i++) _mm256_storeu_ps(b.values + LANES * i, x.v[i]);
    level(b.weights, weights);
    const __m256 unit = _mm256_set1_ps(zero / 8.0f / extreme);
    const __m256 unit_that_matters = _mm256_set1_ps(zero / 8.0f / extreme_that_matters(&b, &x));
    const __m256 rms_unit = _mm256_set1_ps(zero / 8.0f / copysignf(root_mean_square(&b), extreme));
    for (int group = 0; group < last; group++) try_steps(&best, &b, group, unit);
    try_steps(&best, &b, last, _mm256_blend_ps(unit_that_matters, rms_unit, 0xf0));
    for (int i = 0; i < RK__SEARCH_REFINEMENTS; i++) {
        const candidates c = fit_step(&b, _mm256_div_ps(_mm256_set1_ps(1.0f), best.d));
        keep_better(&best, &c);
    }
    return pick(&best, 0.0f, (rk__block_fit){to_f16_scalar(extreme / -zero), 0.0f});
}

static rk__block_fit fit_q4_0(const float *values, const float *weights) {
    return search_around_zero(values, weights, 8.0f);
}

static rk__block_fit fit_q5_0(const float *values, const float *weights) {
    return search_around_zero(values, weights, 16.0f);
}

// ---- formats above a least value

static RK__ALWAYS_INLINE candidates fit_line(const block *b, __m256 start, __m256 inverse) {
    const __m256 zero = _mm256_setzero_ps(), two = _mm256_set1_ps(2.0f);
    const __m256 most = _mm256_set1_ps(b->most);
    __m256 code_sum = zero, code_code = zero, offset_code = zero;
    for (int i = 0; i < RK__BLOCK; i++) {
        const __m256 offset = _mm256_broadcast_ss(&b->values[i]);
        const __m256 position = _mm256_mul_ps(_mm256_sub_ps(offset, start), inverse);
        const __m256 code = nearest_codes(position, zero, most);
        const __m256 weighted = _mm256_mul_ps(_mm256_broadcast_ss(&b->weights[i]), code);
        code_sum = _mm256_add_ps(code_sum, weighted);
        code_code = _mm256_add_ps(code_code, _mm256_mul_ps(weighted, code));
        offset_code = _mm256_add_ps(offset_code, _mm256_mul_ps(weighted, offset));
    }
    const __m256 weight_sum = _mm256_set1_ps(b->weight_sum);
    const __m256 weighted_offset = _mm256_set1_ps(b->weighted_offset);
    const __m256 middle = _mm256_set1_ps(b->middle);
    const __m256 spread =
        _mm256_sub_ps(_mm256_mul_ps(weight_sum, code_code), _mm256_mul_ps(code_sum, code_sum));
    const __m256 along = _mm256_sub_ps(_mm256_mul_ps(weight_sum, offset_code),
                                       _mm256_mul_ps(code_sum, weighted_offset));
    const __m256 d = to_f16(_mm256_div_ps(along, spread));
    const __m256 rest = _mm256_sub_ps(weighted_offset, _mm256_mul_ps(d, code_sum));
    const __m256 m = to_f16(_mm256_add_ps(middle, _mm256_div_ps(rest, weight_sum)));
    const __m256 from = _mm256_sub_ps(m, middle);
    const __m256 of_d = _mm256_mul_ps(
        d, _mm256_sub_ps(_mm256_mul_ps(two, offset_code), _mm256_mul_ps(d, code_code)));
    const __m256 of_m = _mm256_mul_ps(
        from, _mm256_sub_ps(_mm256_mul_ps(two, rest), _mm256_mul_ps(from, weight_sum)));
    const __m256 gain = _mm256_add_ps(of_d, of_m);
    const __m256 finite = _mm256_and_ps(_mm256_cmp_ps(gain, _mm256_set1_ps(-INFINITY), _CMP_GT_OQ),
                                        _mm256_cmp_ps(gain, _mm256_set1_ps(INFINITY), _CMP_LT_OQ));
    const __m256 found = _mm256_and_ps(_mm256_cmp_ps(d, zero, _CMP_GT_OQ), finite);
    // Where nothing was found, the numbers are those of `nothing`.
    return (candidates){_mm256_and_ps(d, found), _mm256_and_ps(m, found), gain_where(found, gain)};
}

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
                                            float lowest, float d) {
    level(b->weights, weights);
    b->range = b->most * d;
    b->middle = lowest + 0.5f * (b->most * d);
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

// A group of candidates with their refinements.
static RK__ALWAYS_INLINE void try_lines(candidates *best, const block *b, __m256 start,
                                        __m256 width) {
    candidates mine = fit_line(b, start, _mm256_div_ps(_mm256_set1_ps(b->most), width));
    for (int i = 0; i < RK__SEARCH_REFINEMENTS; i++) {
        const __m256 from = _mm256_sub_ps(mine.m, _mm256_set1_ps(b->middle));
        const candidates c = fit_line(b, from, _mm256_div_ps(_mm256_set1_ps(1.0f), mine.d));
        keep_better(&mine, &c);
    }
    keep_better(best, &mine);
}

static RK__ALWAYS_INLINE void try_cuts(candidates *best, const block *b, int group, float start,
                                       float range) {
    const __m256 ranges = _mm256_set1_ps(range);
    const __m256 below = _mm256_loadu_ps(rk__cuts_below[group]);
    const __m256 above = _mm256_loadu_ps(rk__cuts_above[group]);
    const __m256 left = _mm256_sub_ps(_mm256_sub_ps(_mm256_set1_ps(1.0f), below), above);
    try_lines(best, b, _mm256_add_ps(_mm256_set1_ps(start), _mm256_mul_ps(below, ranges)),
              _mm256_mul_ps(left, ranges));
}

static RK__ALWAYS_INLINE rk__block_fit search_above_least(const float *values, const float *weights,
                                                          float largest) {
    const vectors x = load(values);
    const extremes e = find_extremes(&x, values);
    const float d = (e.greatest - e.least) / largest;
    const int last = RK__ABOVE_LEAST_GROUPS - 2;
    block b = {.most = largest};
    candidates best = nothing();
    prepare_lines(&b, &x, weights, e.least, d);
    for (int group = 0; group < last; group++) try_cuts(&best, &b, group, b.start, b.range);
    try_cuts(&best, &b, last, b.start_that_matters, b.range_that_matters);
    const __m256 half = _mm256_mul_ps(_mm256_loadu_ps(rk__deviations), _mm256_set1_ps(b.deviation));
    try_lines(&best, &b, _mm256_sub_ps(_mm256_set1_ps(b.mean), half),
              _mm256_mul_ps(_mm256_set1_ps(2.0f), half));
    return pick(&best, -INFINITY, (rk__block_fit){to_f16_scalar(d), to_f16_scalar(e.least)});
}

static rk__block_fit fit_q4_1(const float *values, const float *weights) {
    return search_above_least(values, weights, 15.0f);
}

static rk__block_fit fit_q5_1(const float *values, const float *weights) {
    return search_above_least(values, weights, 31.0f);
}

// ---- compensation

static void correct(float *values, const float errors[RK__BLOCK], const float *factors,
                    size_t stride, size_t n) {
    size_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        __m256 value = _mm256_loadu_ps(values + j);
        for (size_t i = 0; i < RK__BLOCK; i++) {
            const __m256 factor = _mm256_loadu_ps(factors + i * stride + j);
            value = _mm256_sub_ps(value, _mm256_mul_ps(_mm256_broadcast_ss(&errors[i]), factor));
        }
        _mm256_storeu_ps(values + j, value);
    }
    for (; j < n; j++) {
        for (size_t i = 0; i < RK__BLOCK; i++) values[j] -= errors[i] * factors[i * stride + j];
    }
}

void rk__search_rows_init_avx2(rk__rows *rows) {
    rows->fit[RK_DTYPE_Q4_0] = fit_q4_0;
    rows->fit[RK_DTYPE_Q4_1] = fit_q4_1;
    rows->fit[RK_DTYPE_Q5_0] = fit_q5_0;
    rows->fit[RK_DTYPE_Q5_1] = fit_q5_1;
    rows->correct = correct;
}
