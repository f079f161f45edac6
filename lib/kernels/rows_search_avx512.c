// The block searches with AVX-512: all four groups of candidates at once, two in each vector.
#include "kernels/rows.h"
#include "kernels/rows_search_256.h"

enum { PAIRS = 2 }; // of groups

_Static_assert((int)RK__AROUND_ZERO_GROUPS == 2 * PAIRS, "all groups of candidates");
_Static_assert((int)RK__ABOVE_LEAST_GROUPS == 2 * PAIRS, "all groups of candidates");

// The candidates of two groups.
typedef struct pair {
    __m512 d, m, gain;
} pair;

static RK__ALWAYS_INLINE __m512 join(__m256 low, __m256 high) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

static RK__ALWAYS_INLINE candidates lower(const pair *p) {
    return (candidates){_mm512_castps512_ps256(p->d), _mm512_castps512_ps256(p->m),
                        _mm512_castps512_ps256(p->gain)};
}

static RK__ALWAYS_INLINE candidates upper(const pair *p) {
    return (candidates){_mm512_extractf32x8_ps(p->d, 1), _mm512_extractf32x8_ps(p->m, 1),
                        _mm512_extractf32x8_ps(p->gain, 1)};
}

// The best candidate of every lane, in the order of the groups.
static RK__ALWAYS_INLINE candidates best_of(const pair pairs[PAIRS]) {
    candidates best = nothing();
    RK__UNROLL for (int p = 0; p < PAIRS; p++) {
        const candidates low = lower(&pairs[p]), high = upper(&pairs[p]);
        keep_better(&best, &low);
        keep_better(&best, &high);
    }
    return best;
}

static RK__ALWAYS_INLINE __m512 wide_to_f16(__m512 values) {
    return _mm512_cvtph_ps(_mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
}

static RK__ALWAYS_INLINE __m512 wide_codes(__m512 position, __m512 least, __m512 most) {
    const __m512 above = _mm512_max_ps(position, least); // the order sends NaN to the least
    return _mm512_roundscale_ps(_mm512_min_ps(above, most), _MM_FROUND_TO_NEAREST_INT);
}

static RK__ALWAYS_INLINE __mmask16 is_below_infinity(__m512 x) {
    return _mm512_cmp_ps_mask(x, _mm512_set1_ps(INFINITY), _CMP_LT_OQ);
}

// ---- formats around a middle code

static RK__ALWAYS_INLINE pair finish_step(__m512 value_code, __m512 code_code) {
    const __m512 d = wide_to_f16(_mm512_div_ps(value_code, code_code));
    const __m512 twice = _mm512_mul_ps(_mm512_set1_ps(2.0f), value_code);
    const __m512 gain = _mm512_mul_ps(d, _mm512_sub_ps(twice, _mm512_mul_ps(d, code_code)));
    const __mmask16 found =
        _mm512_cmp_ps_mask(gain, _mm512_setzero_ps(), _CMP_GT_OQ) & is_below_infinity(gain);
    return (pair){d, _mm512_setzero_ps(),
                  _mm512_mask_blend_ps(found, _mm512_set1_ps(-INFINITY), gain)};
}

static RK__ALWAYS_INLINE void fit_steps(pair out[PAIRS], const block *b) {
    const __m512 least = _mm512_set1_ps(b->least), most = _mm512_set1_ps(b->most);
    __m512 inverse[PAIRS], value_code[PAIRS], code_code[PAIRS];
    RK__UNROLL for (int p = 0; p < PAIRS; p++) {
        inverse[p] = join(inverse_steps(b, 2 * p), inverse_steps(b, 2 * p + 1));
        value_code[p] = code_code[p] = _mm512_setzero_ps();
    }
    for (int i = 0; i < RK__BLOCK; i++) {
        const __m512 value = _mm512_set1_ps(b->values[i]), weight = _mm512_set1_ps(b->weights[i]);
        RK__UNROLL for (int p = 0; p < PAIRS; p++) {
            const __m512 code = wide_codes(_mm512_mul_ps(value, inverse[p]), least, most);
            const __m512 weighted = _mm512_mul_ps(weight, code);
            value_code[p] = _mm512_add_ps(value_code[p], _mm512_mul_ps(weighted, value));
            code_code[p] = _mm512_add_ps(code_code[p], _mm512_mul_ps(weighted, code));
        }
    }
    RK__UNROLL for (int p = 0; p < PAIRS; p++) out[p] = finish_step(value_code[p], code_code[p]);
}

static RK__ALWAYS_INLINE rk__block_fit search_around_zero(const float *values, const float *weights,
                                                          float zero) {
    const vectors x = load(values);
    const float extreme = signed_extreme(&x, values);
    block b;
    pair pairs[PAIRS];
    prepare_steps(&b, &x, weights, extreme, zero);
    fit_steps(pairs, &b);
    candidates best = best_of(pairs);
    return refine_steps(&best, &b, extreme);
}

static rk__block_fit fit_q4_0(const float *values, const float *weights) {
    return search_around_zero(values, weights, 8.0f);
}

static rk__block_fit fit_q5_0(const float *values, const float *weights) {
    return search_around_zero(values, weights, 16.0f);
}

// ---- formats above a least value

// Weighted sums over a block.
typedef struct line_sums {
    __m512 codes, code_code, offset_code;
} line_sums;

static RK__ALWAYS_INLINE pair finish_line(const block *b, const line_sums *s) {
    const __m512 two = _mm512_set1_ps(2.0f);
    const __m512 weight_sum = _mm512_set1_ps(b->weight_sum);
    const __m512 weighted_offset = _mm512_set1_ps(b->weighted_offset);
    const __m512 middle = _mm512_set1_ps(b->middle);
    const __m512 spread =
        _mm512_sub_ps(_mm512_mul_ps(weight_sum, s->code_code), _mm512_mul_ps(s->codes, s->codes));
    const __m512 along = _mm512_sub_ps(_mm512_mul_ps(weight_sum, s->offset_code),
                                       _mm512_mul_ps(s->codes, weighted_offset));
    const __m512 d = wide_to_f16(_mm512_div_ps(along, spread));
    const __m512 rest = _mm512_sub_ps(weighted_offset, _mm512_mul_ps(d, s->codes));
    const __m512 m = wide_to_f16(_mm512_add_ps(middle, _mm512_div_ps(rest, weight_sum)));
    const __m512 from = _mm512_sub_ps(m, middle);
    const __m512 of_d = _mm512_mul_ps(
        d, _mm512_sub_ps(_mm512_mul_ps(two, s->offset_code), _mm512_mul_ps(d, s->code_code)));
    const __m512 of_m = _mm512_mul_ps(
        from, _mm512_sub_ps(_mm512_mul_ps(two, rest), _mm512_mul_ps(from, weight_sum)));
    const __m512 gain = _mm512_add_ps(of_d, of_m);
    const __mmask16 found = _mm512_cmp_ps_mask(d, _mm512_setzero_ps(), _CMP_GT_OQ) &
                            _mm512_cmp_ps_mask(gain, _mm512_set1_ps(-INFINITY), _CMP_GT_OQ) &
                            is_below_infinity(gain);
    // Where nothing was found, the numbers are those of `nothing`.
    return (pair){_mm512_maskz_mov_ps(found, d), _mm512_maskz_mov_ps(found, m),
                  _mm512_mask_blend_ps(found, _mm512_set1_ps(-INFINITY), gain)};
}

static RK__ALWAYS_INLINE void fit_lines(pair out[PAIRS], const block *b, const __m512 start[PAIRS],
                                        const __m512 inverse[PAIRS]) {
    const __m512 zero = _mm512_setzero_ps(), most = _mm512_set1_ps(b->most);
    line_sums s[PAIRS];
    RK__UNROLL for (int p = 0; p < PAIRS; p++) s[p] = (line_sums){zero, zero, zero};
    for (int i = 0; i < RK__BLOCK; i++) {
        const __m512 offset = _mm512_set1_ps(b->values[i]), weight = _mm512_set1_ps(b->weights[i]);
        RK__UNROLL for (int p = 0; p < PAIRS; p++) {
            const __m512 position = _mm512_mul_ps(_mm512_sub_ps(offset, start[p]), inverse[p]);
            const __m512 code = wide_codes(position, zero, most);
            const __m512 weighted = _mm512_mul_ps(weight, code);
            s[p].codes = _mm512_add_ps(s[p].codes, weighted);
            s[p].code_code = _mm512_add_ps(s[p].code_code, _mm512_mul_ps(weighted, code));
            s[p].offset_code = _mm512_add_ps(s[p].offset_code, _mm512_mul_ps(weighted, offset));
        }
    }
    RK__UNROLL for (int p = 0; p < PAIRS; p++) out[p] = finish_line(b, &s[p]);
}

// Codes for the numbers so far, numbers for these codes; the better ones stay.
static RK__ALWAYS_INLINE void refine_lines(pair pairs[PAIRS], const block *b) {
    __m512 start[PAIRS], inverse[PAIRS];
    pair other[PAIRS];
    RK__UNROLL for (int p = 0; p < PAIRS; p++) {
        start[p] = _mm512_sub_ps(pairs[p].m, _mm512_set1_ps(b->middle));
        inverse[p] = _mm512_div_ps(_mm512_set1_ps(1.0f), pairs[p].d);
    }
    fit_lines(other, b, start, inverse);
    RK__UNROLL for (int p = 0; p < PAIRS; p++) {
        const __mmask16 better = _mm512_cmp_ps_mask(other[p].gain, pairs[p].gain, _CMP_GT_OQ);
        pairs[p].d = _mm512_mask_blend_ps(better, pairs[p].d, other[p].d);
        pairs[p].m = _mm512_mask_blend_ps(better, pairs[p].m, other[p].m);
        pairs[p].gain = _mm512_mask_blend_ps(better, pairs[p].gain, other[p].gain);
    }
}

static RK__ALWAYS_INLINE rk__block_fit search_above_least(const float *values, const float *weights,
                                                          float largest) {
    const vectors x = load(values);
    const extremes e = find_extremes(&x, values);
    const float d = (e.greatest - e.least) / largest;
    __m512 start[PAIRS], inverse[PAIRS];
    pair pairs[PAIRS];
    block b;
    prepare_lines(&b, &x, weights, e.least, d, largest);
    RK__UNROLL for (int p = 0; p < PAIRS; p++) {
        const reaches low = reaches_of(&b, 2 * p), high = reaches_of(&b, 2 * p + 1);
        start[p] = join(low.start, high.start);
        inverse[p] = _mm512_div_ps(_mm512_set1_ps(b.most), join(low.width, high.width));
    }
    fit_lines(pairs, &b, start, inverse);
    for (int i = 0; i < RK__SEARCH_REFINEMENTS; i++) refine_lines(pairs, &b);
    const candidates best = best_of(pairs);
    return pick(&best, -INFINITY, (rk__block_fit){to_f16_scalar(d), to_f16_scalar(e.least)});
}

static rk__block_fit fit_q4_1(const float *values, const float *weights) {
    return search_above_least(values, weights, 15.0f);
}

static rk__block_fit fit_q5_1(const float *values, const float *weights) {
    return search_above_least(values, weights, 31.0f);
}

void rk__search_rows_init_avx512(rk__rows *rows) {
    rows->fit[RK_DTYPE_Q4_0] = fit_q4_0;
    rows->fit[RK_DTYPE_Q4_1] = fit_q4_1;
    rows->fit[RK_DTYPE_Q5_0] = fit_q5_0;
    rows->fit[RK_DTYPE_Q5_1] = fit_q5_1;
}
