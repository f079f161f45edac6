// The block searches with AVX2: group after group of candidates.
#include "kernels/rows.h"
#include "kernels/rows_search_256.h"

// ---- formats around a middle code

static RK__ALWAYS_INLINE rk__block_fit search_around_zero(const float *values, const float *weights,
                                                          float zero) {
    const vectors x = load(values);
    const float extreme = signed_extreme(&x, values);
    block b;
    candidates best = nothing();
    prepare_steps(&b, &x, weights, extreme, zero);
    for (int group = 0; group < RK__AROUND_ZERO_GROUPS; group++) {
        const candidates c = fit_step(&b, inverse_steps(&b, group));
        keep_better(&best, &c);
    }
    return refine_steps(&best, &b, extreme);
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

// A group of candidates with their refinements.
static RK__ALWAYS_INLINE candidates try_lines(const block *b, reaches r) {
    candidates mine = fit_line(b, r.start, _mm256_div_ps(_mm256_set1_ps(b->most), r.width));
    for (int i = 0; i < RK__SEARCH_REFINEMENTS; i++) {
        const __m256 from = _mm256_sub_ps(mine.m, _mm256_set1_ps(b->middle));
        const candidates c = fit_line(b, from, _mm256_div_ps(_mm256_set1_ps(1.0f), mine.d));
        keep_better(&mine, &c);
    }
    return mine;
}

static RK__ALWAYS_INLINE rk__block_fit search_above_least(const float *values, const float *weights,
                                                          float largest) {
    const vectors x = load(values);
    const extremes e = find_extremes(&x, values);
    const float d = (e.greatest - e.least) / largest;
    block b;
    candidates best = nothing();
    prepare_lines(&b, &x, weights, e.least, d, largest);
    for (int group = 0; group < RK__ABOVE_LEAST_GROUPS; group++) {
        const candidates c = try_lines(&b, reaches_of(&b, group));
        keep_better(&best, &c);
    }
    return pick(&best, -INFINITY, (rk__block_fit){to_f16_scalar(d), to_f16_scalar(e.least)});
}

static rk__block_fit fit_q4_1(const float *values, const float *weights) {
    return search_above_least(values, weights, 15.0f);
}

static rk__block_fit fit_q5_1(const float *values, const float *weights) {
    return search_above_least(values, weights, 31.0f);
}

// ---- compensation

_Static_assert((int)RK__TOGETHER == (int)LANES, "a row a lane");

static void round_together(rk__together *b, rk__code_range codes, const float *factors,
                           size_t stride) {
    const __m256 least = _mm256_set1_ps(codes.least), most = _mm256_set1_ps(codes.most);
    const __m256 d = _mm256_loadu_ps(b->d), m = _mm256_loadu_ps(b->m);
    const __m256 inverse = _mm256_loadu_ps(b->inverse);
    for (size_t i = 0; i < RK__BLOCK; i++) {
        const __m256 value = _mm256_loadu_ps(b->values[i]);
        const __m256 position = _mm256_mul_ps(_mm256_sub_ps(value, m), inverse);
        const __m256 code = nearest_codes(position, least, most);
        const __m256 rounded = _mm256_add_ps(_mm256_mul_ps(code, d), m);
        const __m256 error = _mm256_sub_ps(value, rounded);
        _mm256_storeu_ps(b->codes[i], code);
        _mm256_storeu_ps(b->errors[i], error);
        for (size_t j = i + 1; j < RK__BLOCK; j++) {
            const __m256 change =
                _mm256_mul_ps(error, _mm256_broadcast_ss(&factors[i * stride + j]));
            _mm256_storeu_ps(b->values[j], _mm256_sub_ps(_mm256_loadu_ps(b->values[j]), change));
        }
    }
}

enum { AT_ONCE = 4 }; // vectors whose chains of subtractions run side by side

static RK__ALWAYS_INLINE void correct_vectors(float *values, const float errors[RK__BLOCK],
                                              const float *factors, size_t stride, int n) {
    __m256 v[AT_ONCE];
    RK__UNROLL for (int k = 0; k < n; k++) v[k] = _mm256_loadu_ps(values + LANES * k);
    for (size_t i = 0; i < RK__BLOCK; i++) {
        const __m256 error = _mm256_broadcast_ss(&errors[i]);
        RK__UNROLL for (int k = 0; k < n; k++) {
            const __m256 factor = _mm256_loadu_ps(factors + i * stride + (size_t)(LANES * k));
            v[k] = _mm256_sub_ps(v[k], _mm256_mul_ps(error, factor));
        }
    }
    RK__UNROLL for (int k = 0; k < n; k++) _mm256_storeu_ps(values + LANES * k, v[k]);
}

static void correct(float *values, const float errors[RK__BLOCK], const float *factors,
                    size_t stride, size_t n) {
    size_t j = 0;
    for (; j + AT_ONCE * LANES <= n; j += AT_ONCE * LANES) {
        correct_vectors(values + j, errors, factors + j, stride, AT_ONCE);
    }
    for (; j + LANES <= n; j += LANES) correct_vectors(values + j, errors, factors + j, stride, 1);
    for (; j < n; j++) {
        for (size_t i = 0; i < RK__BLOCK; i++) values[j] -= errors[i] * factors[i * stride + j];
    }
}

void rk__search_rows_init_avx2(rk__rows *rows) {
    rows->fit[RK_DTYPE_Q4_0] = fit_q4_0;
    rows->fit[RK_DTYPE_Q4_1] = fit_q4_1;
    rows->fit[RK_DTYPE_Q5_0] = fit_q5_0;
    rows->fit[RK_DTYPE_Q5_1] = fit_q5_1;
    rows->round_together = round_together;
    rows->correct = correct;
}
