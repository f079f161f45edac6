// Decoders of the block formats with AVX2, 8 values at once. Codes are small whole numbers and the
// products with a step that was FP16 exact, so the bits are those of tensor/block_decode.c.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/rows.h"
#include "tensor/blocks.h"

enum { LANES = 8, VECTORS = RK__BLOCK / LANES };

// Codes, one a lane: c[i] holds those of values 8 i .. 8 i + 7.
typedef struct code_vectors {
    __m256i c[VECTORS];
} code_vectors;

static RK__ALWAYS_INLINE __m256 load_f16(const uint8_t bytes[2]) {
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    return _mm256_set1_ps(_cvtsh_ss(half));
}

// Value j in the lower nibble of byte j, value j + 16 in the upper one.
static RK__ALWAYS_INLINE code_vectors unpack_halves(const uint8_t nibbles[RK__BLOCK / 2]) {
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)nibbles);
    const __m128i mask = _mm_set1_epi8(15);
    const __m128i low = _mm_and_si128(bytes, mask);
    const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
    return (code_vectors){
        {_mm256_cvtepu8_epi32(low), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(low, low)),
         _mm256_cvtepu8_epi32(high), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(high, high))}};
}

// Bit i of the word is worth 16 in value i.
static RK__ALWAYS_INLINE void add_fifth_bits(code_vectors *codes, const uint8_t bytes[4]) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    uint32_t bits;
    memcpy(&bits, bytes, sizeof bits);
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        const __m256i own = _mm256_srlv_epi32(_mm256_set1_epi32((int)(bits >> LANES * i)), lanes);
        const __m256i worth = _mm256_slli_epi32(_mm256_and_si256(own, _mm256_set1_epi32(1)), 4);
        codes->c[i] = _mm256_or_si256(codes->c[i], worth);
    }
}

// out = (code - zero) * d
static RK__ALWAYS_INLINE void scale(float *out, const code_vectors *codes, int zero, __m256 d) {
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        const __m256i steps = _mm256_sub_epi32(codes->c[i], _mm256_set1_epi32(zero));
        _mm256_storeu_ps(out + LANES * i, _mm256_mul_ps(_mm256_cvtepi32_ps(steps), d));
    }
}

// out = code * d + m
static RK__ALWAYS_INLINE void scale_above(float *out, const code_vectors *codes, __m256 d,
                                          __m256 m) {
    RK__UNROLL for (int i = 0; i < VECTORS; i++) {
        const __m256 above = _mm256_mul_ps(_mm256_cvtepi32_ps(codes->c[i]), d);
        _mm256_storeu_ps(out + LANES * i, _mm256_add_ps(above, m));
    }
}

static void decode_q4_0(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0)) {
        rk__block_q4_0 block;
        memcpy(&block, bytes, sizeof block);
        const code_vectors codes = unpack_halves(block.nibbles);
        scale(out + i, &codes, 8, load_f16(block.d));
    }
}

static void decode_q4_1(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1)) {
        rk__block_q4_1 block;
        memcpy(&block, bytes, sizeof block);
        const code_vectors codes = unpack_halves(block.nibbles);
        scale_above(out + i, &codes, load_f16(block.d), load_f16(block.m));
    }
}

static void decode_q5_0(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        memcpy(&block, bytes, sizeof block);
        code_vectors codes = unpack_halves(block.nibbles);
        add_fifth_bits(&codes, block.fifth_bits);
        scale(out + i, &codes, 16, load_f16(block.d));
    }
}

static void decode_q5_1(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        memcpy(&block, bytes, sizeof block);
        code_vectors codes = unpack_halves(block.nibbles);
        add_fifth_bits(&codes, block.fifth_bits);
        scale_above(out + i, &codes, load_f16(block.d), load_f16(block.m));
    }
}

static void decode_q8_0(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0)) {
        rk__block_q8_0 block;
        code_vectors codes;
        memcpy(&block, bytes, sizeof block);
        RK__UNROLL for (int k = 0; k < VECTORS; k++) {
            codes.c[k] = _mm256_cvtepi8_epi32(
                _mm_loadl_epi64((const __m128i *)(const void *)(block.codes + LANES * k)));
        }
        scale(out + i, &codes, 0, load_f16(block.d));
    }
}

void rk__decode_rows_init_avx2(rk__rows *rows) {
    rows->decode[RK_DTYPE_Q4_0] = decode_q4_0;
    rows->decode[RK_DTYPE_Q4_1] = decode_q4_1;
    rows->decode[RK_DTYPE_Q5_0] = decode_q5_0;
    rows->decode[RK_DTYPE_Q5_1] = decode_q5_1;
    rows->decode[RK_DTYPE_Q8_0] = decode_q8_0;
}
