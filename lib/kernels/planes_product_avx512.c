// Products of planes with AVX-512 and its VNNI instructions.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/planes.h"

typedef __m512 lanes;
enum { LANES = 16 };
typedef enum weight_kind { KIND_F32, KIND_F16, KIND_BF16 } weight_kind;

static RK__ALWAYS_INLINE lanes lanes_load(const float *from) {
    return _mm512_loadu_ps(from);
}

static RK__ALWAYS_INLINE void lanes_store(float *to, lanes values) {
    _mm512_storeu_ps(to, values);
}

static RK__ALWAYS_INLINE lanes lanes_broadcast(float x) {
    return _mm512_set1_ps(x);
}

static RK__ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return _mm512_add_ps(a, b);
}

static RK__ALWAYS_INLINE lanes lanes_multiply(lanes a, lanes b) {
    return _mm512_mul_ps(a, b);
}

static RK__ALWAYS_INLINE lanes lanes_fmadd(lanes a, lanes b, lanes c) {
    return _mm512_fmadd_ps(a, b, c);
}

static RK__ALWAYS_INLINE __m256i load_halves(const uint8_t *halves) {
    return _mm256_loadu_si256((const __m256i *)(const void *)halves);
}

static RK__ALWAYS_INLINE lanes lanes_of_halves(const uint8_t *halves) {
    return _mm512_cvtph_ps(load_halves(halves));
}

static RK__ALWAYS_INLINE lanes load_column(weight_kind kind, const uint8_t *weights) {
    if (kind == KIND_F32) return _mm512_loadu_ps(weights);
    if (kind == KIND_F16) return lanes_of_halves(weights);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_halves(weights)), 16));
}

// ---- bytes and what becomes of them

typedef __m512i bytes;
typedef __m512i ints;

static RK__ALWAYS_INLINE bytes bytes_load(const uint8_t *from) {
    return _mm512_loadu_si512(from);
}

static RK__ALWAYS_INLINE bytes bytes_low(bytes both) {
    return _mm512_and_si512(both, _mm512_set1_epi8(15));
}

static RK__ALWAYS_INLINE bytes bytes_high(bytes both) {
    return _mm512_and_si512(_mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
}

static RK__ALWAYS_INLINE bytes bytes_add_bits(bytes x, const uint8_t *bits) {
    uint64_t mask;
    memcpy(&mask, bits, sizeof mask);
    return _mm512_mask_add_epi8(x, mask, x, _mm512_set1_epi8(16));
}

static RK__ALWAYS_INLINE bytes bytes_low_pairs(bytes a, bytes b) {
    return _mm512_unpacklo_epi8(a, b);
}

static RK__ALWAYS_INLINE bytes bytes_high_pairs(bytes a, bytes b) {
    return _mm512_unpackhi_epi8(a, b);
}

static RK__ALWAYS_INLINE bytes bytes_low_quads(bytes a, bytes b) {
    return _mm512_unpacklo_epi16(a, b);
}

static RK__ALWAYS_INLINE bytes bytes_high_quads(bytes a, bytes b) {
    return _mm512_unpackhi_epi16(a, b);
}

static RK__ALWAYS_INLINE ints ints_all(int32_t value) {
    return _mm512_set1_epi32(value);
}

static RK__ALWAYS_INLINE lanes ints_to_lanes(ints x) {
    return _mm512_cvtepi32_ps(x);
}

static RK__ALWAYS_INLINE ints ints_add_nibbles(ints sum, bytes codes, ints q) {
    return _mm512_dpbusd_epi32(sum, codes, q);
}

// The instruction wants unsigned codes: these count from 0.
enum { SIGNED_ZERO = 128 };

static RK__ALWAYS_INLINE ints ints_add_bytes(ints sum, bytes codes, ints q) {
    return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(codes, _mm512_set1_epi8(-128)), q);
}

#include "kernels/planes_product_tiles.h"

void rk__planes_init_avx512(rk__plane_kernels *kernels) {
    kernels->multiply = multiply_planes;
}
