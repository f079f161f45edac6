// Encoders of the block formats with AVX2. Every step is the one of tensor/block_encode.c on 8
// values at once, products and sums rounded one by one as there, so the bytes are the same.
#include <immintrin.h>
#include <string.h>

#include "kernels/block_extremes_avx2.h"
#include "kernels/rows.h"
#include "tensor/blocks.h"

// Codes, one a lane.
typedef struct code_vectors {
    __m256i c[VECTORS];
} code_vectors;

static RK__ALWAYS_INLINE float reciprocal(float d) {
    return d != 0.0f ? 1.0f / d : 0.0f;
}

static RK__ALWAYS_INLINE void store_f16(uint8_t bytes[2], float value) {
    const uint16_t half = (uint16_t)_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
    memcpy(bytes, &half, sizeof half);
}

// Whole numbers of positions, kept within 0 .. largest. The order of the operands sends NaN to 0.
static RK__ALWAYS_INLINE __m256i codes_below(__m256 position, float largest) {
    const __m256 above = _mm256_max_ps(position, _mm256_setzero_ps());
    return _mm256_cvttps_epi32(_mm256_min_ps(above, _mm256_set1_ps(largest)));
}

static RK__ALWAYS_INLINE float encode_around_zero(code_vectors *codes, const float *values,
                                                  float zero) {
    const vectors x = load(values);
    const float d = signed_extreme(&x, values) / -zero;
    const __m256 inverse = _mm256_set1_ps(reciprocal(d));
    const __m256 middle = _mm256_set1_ps(zero + 0.5f);
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        const __m256 position = _mm256_add_ps(_mm256_mul_ps(x.v[i], inverse), middle);
        codes->c[i] = codes_below(position, 2.0f * zero - 1.0f);
    }
    return d;
}

// What a block's values lie on: code * d + m.
typedef struct line {
    float d, m;
} line;

static RK__ALWAYS_INLINE line encode_above_least(code_vectors *codes, const float *values,
                                                 float largest) {
    const vectors x = load(values);
    const extremes e = find_extremes(&x, values);
    const float d = (e.greatest - e.least) / largest;
    const __m256 inverse = _mm256_set1_ps(reciprocal(d));
    const __m256 start = _mm256_set1_ps(e.least);
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        const __m256 steps = _mm256_mul_ps(_mm256_sub_ps(x.v[i], start), inverse);
        codes->c[i] = codes_below(_mm256_add_ps(steps, _mm256_set1_ps(0.5f)), largest);
    }
    return (line){d, e.least};
}

// Two codes a byte: value j in the lower nibble, value j + 16 in the upper one.
static RK__ALWAYS_INLINE void pack_halves(uint8_t nibbles[RK__BLOCK / 2],
                                          const code_vectors *codes) {
    const __m256i nibble = _mm256_set1_epi32(15);
    __m256i pair[VECTORS / 2];
    RK__UNROLL for (int i = 0; i < VECTORS / 2; i++) {
        const __m256i low = _mm256_and_si256(codes->c[i], nibble);
        const __m256i high = _mm256_and_si256(codes->c[i + VECTORS / 2], nibble);
        pair[i] = _mm256_or_si256(low, _mm256_slli_epi32(high, 4));
    }
    // The packs work on 128-bit halves; the permutation puts the groups of four back in order.
    const __m256i words =
        _mm256_permute4x64_epi64(_mm256_packus_epi32(pair[0], pair[1]), _MM_SHUFFLE(3, 1, 2, 0));
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(void *)nibbles, bytes);
}

static RK__ALWAYS_INLINE void pack_fifth_bits(uint8_t bytes[4], const code_vectors *codes) {
    uint32_t bits = 0;
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        const __m256 at_sign = _mm256_castsi256_ps(_mm256_slli_epi32(codes->c[i], 27));
        bits |= (uint32_t)_mm256_movemask_ps(at_sign) << (LANES * i);
    }
    memcpy(bytes, &bits, sizeof bits);
}

static void encode_q4_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0)) {
        rk__block_q4_0 block;
        code_vectors codes;
        store_f16(block.d, encode_around_zero(&codes, values + i, 8.0f));
        pack_halves(block.nibbles, &codes);
        memcpy(bytes, &block, sizeof block);
    }
}

static void encode_q4_1(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1)) {
        rk__block_q4_1 block;
        code_vectors codes;
        const line fit = encode_above_least(&codes, values + i, 15.0f);
        store_f16(block.d, fit.d);
        store_f16(block.m, fit.m);
        pack_halves(block.nibbles, &codes);
        memcpy(bytes, &block, sizeof block);
    }
}

static void encode_q5_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        code_vectors codes;
        store_f16(block.d, encode_around_zero(&codes, values + i, 16.0f));
        pack_fifth_bits(block.fifth_bits, &codes);
        pack_halves(block.nibbles, &codes);
        memcpy(bytes, &block, sizeof block);
    }
}

static void encode_q5_1(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        code_vectors codes;
        const line fit = encode_above_least(&codes, values + i, 31.0f);
        store_f16(block.d, fit.d);
        store_f16(block.m, fit.m);
        pack_fifth_bits(block.fifth_bits, &codes);
        pack_halves(block.nibbles, &codes);
        memcpy(bytes, &block, sizeof block);
    }
}

// The nearest whole number, halves away from zero, kept within -128 .. 127; NaN becomes 0.
static RK__ALWAYS_INLINE __m256i nearest_codes(__m256 x) {
    const __m256 sign_bit = _mm256_set1_ps(-0.0f);
    const __m256 whole = _mm256_round_ps(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    const __m256 rest = _mm256_andnot_ps(sign_bit, _mm256_sub_ps(x, whole));
    const __m256 away = _mm256_or_ps(_mm256_and_ps(x, sign_bit), _mm256_set1_ps(1.0f));
    const __m256 is_half = _mm256_cmp_ps(rest, _mm256_set1_ps(0.5f), _CMP_GE_OQ);
    const __m256 rounded = _mm256_add_ps(whole, _mm256_and_ps(is_half, away));
    const __m256 kept = _mm256_and_ps(rounded, _mm256_cmp_ps(x, x, _CMP_ORD_Q));
    const __m256 above = _mm256_max_ps(kept, _mm256_set1_ps(-128.0f));
    return _mm256_cvttps_epi32(_mm256_min_ps(above, _mm256_set1_ps(127.0f)));
}

static RK__ALWAYS_INLINE float largest_magnitude(const vectors *x) {
    const __m256 sign_bit = _mm256_set1_ps(-0.0f);
    __m256 top = _mm256_setzero_ps();
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        top = _mm256_max_ps(top, _mm256_andnot_ps(sign_bit, x->v[i]));
    }
    return greatest_of(top);
}

static void encode_q8_0(void *row, const float *values, size_t n) {
    // The packs work on 128-bit halves; the permutation puts the groups of four back in order.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0)) {
        rk__block_q8_0 block;
        const vectors x = load(values + i);
        const float d = largest_magnitude(&x) / 127.0f;
        const __m256 inverse = _mm256_set1_ps(reciprocal(d));
        __m256i c[VECTORS];
        RK__UNROLL for (int k = 0; k < VECTORS; k++) {
            c[k] = nearest_codes(_mm256_mul_ps(x.v[k], inverse));
        }
        const __m256i packed =
            _mm256_packs_epi16(_mm256_packs_epi32(c[0], c[1]), _mm256_packs_epi32(c[2], c[3]));
        _mm256_storeu_si256((__m256i *)(void *)block.codes,
                            _mm256_permutevar8x32_epi32(packed, order));
        store_f16(block.d, d);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__block_rows_init_avx2(rk__rows *rows) {
    rows->encode[RK_DTYPE_Q4_0] = encode_q4_0;
    rows->encode[RK_DTYPE_Q4_1] = encode_q4_1;
    rows->encode[RK_DTYPE_Q5_0] = encode_q5_0;
    rows->encode[RK_DTYPE_Q5_1] = encode_q5_1;
    rows->encode[RK_DTYPE_Q8_0] = encode_q8_0;
}
