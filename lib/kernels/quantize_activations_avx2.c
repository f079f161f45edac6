// Activations to 8 bits per block of 32 with AVX2. Every step is the scalar one on 8 values at
// once, so the results are the same bits.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/quantize_activations.h"

enum { VECTORS = RK__Q8_BLOCK / 8 };

static inline float greatest_of(__m256 v) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    x = _mm_max_ss(x, _mm_movehdup_ps(x));
    return _mm_cvtss_f32(x);
}

static inline int32_t sum_of(__m256i v) {
    __m128i x = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2)));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(x);
}

// NaN when one of the values is NaN or infinite. Magnitudes are compared as integers, which order
// like the floats and do not lose a NaN.
static inline float largest_magnitude(const __m256 x[VECTORS]) {
    const __m256i magnitude_bits = _mm256_set1_epi32(0x7fffffff);
    __m256i top = _mm256_setzero_si256();
    for (int i = 0; i < VECTORS; i++) {
        top = _mm256_max_epu32(top, _mm256_and_si256(_mm256_castps_si256(x[i]), magnitude_bits));
    }
    const __m256i last_finite = _mm256_set1_epi32(0x7f7fffff);
    if (_mm256_movemask_epi8(_mm256_cmpgt_epi32(top, last_finite)) != 0) return NAN;
    return greatest_of(_mm256_castsi256_ps(top));
}

static inline void quantize_block(int8_t *q, float *scale, int32_t *qsum, const float *values) {
    __m256 x[VECTORS];
    for (int i = 0; i < VECTORS; i++) x[i] = _mm256_loadu_ps(values + 8 * i);
    const float top = largest_magnitude(x);
    if (!(top >= RK__Q8_LEAST)) {
        *scale = isnan(top) ? NAN : 0.0f;
        *qsum = 0;
        memset(q, 0, RK__Q8_BLOCK);
        return;
    }
    const __m256 inverse = _mm256_set1_ps(127.0f / top);
    __m256i code[VECTORS];
    for (int i = 0; i < VECTORS; i++) code[i] = _mm256_cvtps_epi32(_mm256_mul_ps(x[i], inverse));
    *scale = top / 127.0f;
    *qsum = sum_of(
        _mm256_add_epi32(_mm256_add_epi32(code[0], code[1]), _mm256_add_epi32(code[2], code[3])));
    // The packs work on 128-bit halves; the permutation puts the groups of four back in order.
    const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(code[0], code[1]),
                                              _mm256_packs_epi32(code[2], code[3]));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(packed, order));
}

void rk__quantize_activations_avx2(int8_t *q, float *scale, int32_t *qsum, const float *x,
                                   size_t n_tokens, size_t columns) {
    const size_t n_blocks = n_tokens * (columns / RK__Q8_BLOCK);
    for (size_t b = 0; b < n_blocks; b++) {
        quantize_block(q + b * RK__Q8_BLOCK, scale + b, qsum + b, x + b * RK__Q8_BLOCK);
    }
}
