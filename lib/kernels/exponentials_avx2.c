// Exponentials with AVX2: four doubles a register, four registers at a time, so that the long chain
// of one does not wait for itself. The scalar operations in the same order, none of them fused.
#include <immintrin.h>

#include "kernels/exponential_series.h"
#include "kernels/exponentials.h"
#include "kernels/inlining.h"

enum { LANES = 4, REGISTERS = 4, STEP = LANES * REGISTERS };

static RK__ALWAYS_INLINE void exp_16(__m256d x[REGISTERS]) {
    __m256d shifted[REGISTERS], sum[REGISTERS];
    RK__UNROLL
    for (size_t j = 0; j < REGISTERS; j++) {
        // max gives its second operand where one is NaN.
        x[j] = _mm256_max_pd(_mm256_set1_pd(RK__DOUBLE_EXP_LEAST), x[j]);
        shifted[j] = _mm256_add_pd(_mm256_mul_pd(x[j], _mm256_set1_pd(RK__DOUBLE_LOG2_E)),
                                   _mm256_set1_pd(RK__DOUBLE_ROUNDER));
        const __m256d k = _mm256_sub_pd(shifted[j], _mm256_set1_pd(RK__DOUBLE_ROUNDER));
        x[j] = _mm256_sub_pd(x[j], _mm256_mul_pd(k, _mm256_set1_pd(RK__DOUBLE_LN2_HIGH)));
        x[j] = _mm256_sub_pd(x[j], _mm256_mul_pd(k, _mm256_set1_pd(RK__DOUBLE_LN2_LOW)));
        sum[j] = _mm256_set1_pd(rk__exp_terms[0]);
    }
    RK__UNROLL
    for (int i = 1; i < RK__EXP_TERMS; i++) {
        const __m256d term = _mm256_set1_pd(rk__exp_terms[i]);
        RK__UNROLL
        for (size_t j = 0; j < REGISTERS; j++) {
            sum[j] = _mm256_add_pd(_mm256_mul_pd(sum[j], x[j]), term);
        }
    }
    RK__UNROLL
    for (size_t j = 0; j < REGISTERS; j++) {
        const __m256i exponent =
            _mm256_add_epi64(_mm256_castpd_si256(shifted[j]), _mm256_set1_epi64x(RK__DOUBLE_BIAS));
        x[j] = _mm256_mul_pd(sum[j], _mm256_castsi256_pd(_mm256_slli_epi64(exponent, 52)));
    }
}

void rk__exponentials_avx2(double *out, const float *x, float largest, size_t n) {
    const __m256d top = _mm256_set1_pd((double)largest);
    size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        __m256d values[REGISTERS];
        for (size_t j = 0; j < REGISTERS; j++) {
            const __m128 four = _mm_loadu_ps(x + i + LANES * j);
            values[j] = _mm256_sub_pd(_mm256_cvtps_pd(four), top);
        }
        exp_16(values);
        for (size_t j = 0; j < REGISTERS; j++) _mm256_storeu_pd(out + i + LANES * j, values[j]);
    }
    for (; i < n; i++) out[i] = rk__double_exp((double)x[i] - (double)largest);
}
