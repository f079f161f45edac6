// Products of planes with AVX2, FMA and F16C.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/planes.h"

typedef __m256 lanes;
enum { LANES = 8 };
typedef enum weight_kind { KIND_F32, KIND_F16, KIND_BF16 } weight_kind;

static RK__ALWAYS_INLINE lanes lanes_load(const float *from) {
    return _mm256_loadu_ps(from);
}

static RK__ALWAYS_INLINE void lanes_store(float *to, lanes values) {
    _mm256_storeu_ps(to, values);
}

static RK__ALWAYS_INLINE lanes lanes_broadcast(float x) {
    return _mm256_set1_ps(x);
}

static RK__ALWAYS_INLINE lanes lanes_add(lanes a, lanes b) {
    return _mm256_add_ps(a, b);
}

static RK__ALWAYS_INLINE lanes lanes_multiply(lanes a, lanes b) {
    return _mm256_mul_ps(a, b);
}

static RK__ALWAYS_INLINE lanes lanes_fmadd(lanes a, lanes b, lanes c) {
    return _mm256_fmadd_ps(a, b, c);
}

static RK__ALWAYS_INLINE __m128i load_halves(const uint8_t *halves) {
    return _mm_loadu_si128((const __m128i *)(const void *)halves);
}

static RK__ALWAYS_INLINE lanes lanes_of_halves(const uint8_t *halves) {
    return _mm256_cvtph_ps(load_halves(halves));
}

static RK__ALWAYS_INLINE lanes load_column(weight_kind kind, const uint8_t *weights) {
    if (kind == KIND_F32) return _mm256_loadu_ps((const float *)(const void *)weights);
    if (kind == KIND_F16) return lanes_of_halves(weights);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_halves(weights)), 16));
}

// ---- bytes and what becomes of them

typedef __m256i bytes;
typedef __m256i ints;

static RK__ALWAYS_INLINE bytes bytes_load(const uint8_t *from) {
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

static RK__ALWAYS_INLINE bytes bytes_low(bytes both) {
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

static RK__ALWAYS_INLINE bytes bytes_high(bytes both) {
    return _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
}

// Byte i of each 8 gets byte i / 8 of the bits, of which bit i % 8 is looked at.
static RK__ALWAYS_INLINE bytes bytes_add_bits(bytes x, const uint8_t *bits) {
    int32_t word;
    memcpy(&word, bits, sizeof word);
    const __m256i spread =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i wanted = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i words = _mm256_shuffle_epi8(_mm256_set1_epi32(word), spread);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(words, wanted), wanted);
    return _mm256_or_si256(x, _mm256_and_si256(set, _mm256_set1_epi8(16)));
}

static RK__ALWAYS_INLINE bytes bytes_low_pairs(bytes a, bytes b) {
    return _mm256_unpacklo_epi8(a, b);
}

static RK__ALWAYS_INLINE bytes bytes_high_pairs(bytes a, bytes b) {
    return _mm256_unpackhi_epi8(a, b);
}

static RK__ALWAYS_INLINE bytes bytes_low_quads(bytes a, bytes b) {
    return _mm256_unpacklo_epi16(a, b);
}

static RK__ALWAYS_INLINE bytes bytes_high_quads(bytes a, bytes b) {
    return _mm256_unpackhi_epi16(a, b);
}

static RK__ALWAYS_INLINE ints ints_all(int32_t value) {
    return _mm256_set1_epi32(value);
}

static RK__ALWAYS_INLINE lanes ints_to_lanes(ints x) {
    return _mm256_cvtepi32_ps(x);
}

// Sums of pairs fit 16 bits: 2 * 31 * 127 at most, or 2 * 128 * 127.
static RK__ALWAYS_INLINE ints ints_add_nibbles(ints sum, bytes codes, ints q) {
    const __m256i pairs = _mm256_maddubs_epi16(codes, q);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

enum { SIGNED_ZERO = 0 };

// The sign goes over to the activation: maddubs wants one unsigned operand.
static RK__ALWAYS_INLINE ints ints_add_bytes(ints sum, bytes codes, ints q) {
    return ints_add_nibbles(sum, _mm256_abs_epi8(codes), _mm256_sign_epi8(q, codes));
}

#include "kernels/planes_product_tiles.h"

void rk__planes_init_avx2(rk__plane_kernels *kernels) {
    rk__planes_move_init_avx2(kernels);
    kernels->multiply = multiply_planes;
}
