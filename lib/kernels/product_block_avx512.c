// Products with Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 matrices with AVX-512 and its
// VNNI instructions.
//
// Panels have 16 rows: every part of a block is twice as long as in the panels
// of 8 rows that panel_layout.h describes, and twice as far from the beginning.
// A vector of 64 bytes holds 4 columns of 16 rows; one instruction (vpdpbusd)
// multiplies it with 4 activations of a token and adds each row's products to a
// sum of 32 bits, exactly. Codes must be unsigned for it, so those of Q8_0 are
// packed with 128 added; what that adds is taken off again like the zeros of
// the others.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_chunk.h"
#include "kernels/product_parts.h"

typedef __m512 floats;
enum { ROWS = 2 * RK__PANEL_ROWS, TILE_TOKENS = 6, PANELS = 2 };
enum { VECTOR = 2 * RK__VECTOR, VECTORS = RK__BYTE_VECTORS, HALF = RK__NIBBLE_VECTORS };

// Where a part is in a panel of 16 rows.
static RK__ALWAYS_INLINE size_t wide(size_t offset) {
    return 2 * offset;
}

static RK__ALWAYS_INLINE bool sweeps(const rk__panel_layout *layout) {
    (void)layout;
    return true;
}

static RK__ALWAYS_INLINE int32_t zero_of(const rk__panel_layout *layout) {
    return layout->has_bytes ? 128 : layout->zero;
}

static RK__ALWAYS_INLINE __m512i load_vector(const uint8_t *bytes) {
    return _mm512_loadu_si512(bytes);
}

static RK__ALWAYS_INLINE __m512 load_halves(const uint8_t *bytes) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)bytes));
}

// 4 activations of a token, beside the 4 columns of every row.
static RK__ALWAYS_INLINE __m512i broadcast_lane(const int8_t *q) {
    int32_t lane;
    memcpy(&lane, q, sizeof lane);
    return _mm512_set1_epi32(lane);
}

static RK__ALWAYS_INLINE __m512i set1_byte(char byte) {
    return _mm512_set1_epi8(byte);
}

// Lanes, for what the compiler's operators say better than intrinsics.
typedef uint16_t halves __attribute__((vector_size(64)));
typedef int32_t words __attribute__((vector_size(64)));

// Bits of 16-bit lanes moved by n. (Compilers disagree about the type of the
// intrinsics' counts.)

static RK__ALWAYS_INLINE __m512i moved_up(__m512i x, int n) {
    return (__m512i)((halves)x << (uint16_t)n);
}

static RK__ALWAYS_INLINE __m512i moved_down(__m512i x, int n) {
    return (__m512i)((halves)x >> (uint16_t)n);
}

// The codes of columns 4v + j, v = 0 .. 7, counted from 0.
static RK__ALWAYS_INLINE __m512i load_codes(const rk__panel_layout *layout, const uint8_t *block,
                                            int v) {
    const uint8_t *const codes = block + wide(layout->codes);
    if (layout->has_bytes) return load_vector(codes + v * VECTOR);
    const bool high = v >= HALF;
    const __m512i bytes = load_vector(codes + v % HALF * VECTOR);
    const __m512i nibbles = _mm512_and_si512(high ? moved_down(bytes, 4) : bytes, set1_byte(15));
    if (!layout->has_fifth_bits) return nibbles;
    const __m512i fifth = load_vector(block + wide(layout->fifth_bits));
    // Bit v of every byte moves to bit 4. What comes in from the next byte is
    // masked off.
    const __m512i moved = high ? moved_down(fifth, v - 4) : moved_up(fifth, 4 - v);
    enum { OR_OF_AND = 0xf8 }; // a | (b & c)
    return _mm512_ternarylogic_epi32(nibbles, moved, set1_byte(16), OR_OF_AND);
}

// sum + d * scale * isum (+ m * scaled_sum)
static RK__ALWAYS_INLINE __m512 add_to_sum(const rk__panel_layout *layout, __m512 sum, __m512i isum,
                                           __m512 d, __m512 m, float scale, float scaled_sum) {
    const __m512 step = _mm512_mul_ps(d, _mm512_set1_ps(scale));
    sum = _mm512_fmadd_ps(step, _mm512_cvtepi32_ps(isum), sum);
    return layout->has_m ? _mm512_fmadd_ps(m, _mm512_set1_ps(scaled_sum), sum) : sum;
}

static RK__ALWAYS_INLINE void floats_store(float *to, floats values, size_t n) {
    const __mmask16 wanted = (__mmask16)(n >= ROWS ? 0xffffu : (1u << n) - 1);
    _mm512_mask_storeu_ps(to, wanted, values);
}

// Adds a block to the sums of a tile.
static RK__ALWAYS_INLINE void add_block(const rk__panel_layout *layout, size_t n_tokens,
                                        floats *sum, const uint8_t *block,
                                        const rk__tile_tokens *in) {
    __m512i isum[TILE_TOKENS];
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const __m512i qsum = _mm512_set1_epi32(in->qsum[t * in->n_blocks]);
        isum[t] = (__m512i)((words)qsum * -zero_of(layout));
    }
    RK__UNROLL
    for (int v = 0; v < VECTORS; v++) {
        const __m512i codes = load_codes(layout, block, v);
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            const __m512i q = broadcast_lane(in->q + t * in->columns + v * RK__LANE);
            isum[t] = _mm512_dpbusd_epi32(isum[t], codes, q);
        }
    }
    const __m512 d = load_halves(block);
    const __m512 m = layout->has_m ? load_halves(block + wide(layout->m)) : d;
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const float scale = in->scale[t * in->n_blocks];
        sum[t] = add_to_sum(layout, sum[t], isum[t], d, m, scale,
                            scale * (float)in->qsum[t * in->n_blocks]);
    }
}

// ---- many tokens: a block of each panel in registers

// A block of a panel as it stays in registers.
typedef struct held_block {
    __m512i codes[VECTORS];
    __m512 d, m;
} held_block;

static RK__ALWAYS_INLINE held_block hold_block(const rk__panel_layout *layout,
                                               const uint8_t *block) {
    held_block held;
    RK__UNROLL
    for (int v = 0; v < VECTORS; v++) held.codes[v] = load_codes(layout, block, v);
    held.d = load_halves(block);
    held.m = layout->has_m ? load_halves(block + wide(layout->m)) : held.d;
    return held;
}

// The integer sums of a token with a block of each panel. Two sums a panel,
// since a chain of eight multiplications would keep the next ones waiting.
static RK__ALWAYS_INLINE void sum_codes(const rk__panel_layout *layout, __m512i isum[PANELS],
                                        const held_block held[PANELS], const rk__chunk_block *in,
                                        size_t t) {
    __m512i even[PANELS], odd[PANELS];
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) {
        even[p] =
            zero_of(layout) == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(in->minus_zeros[t]);
        odd[p] = _mm512_setzero_si512();
    }
    RK__UNROLL
    for (int v = 0; v < VECTORS; v += 2) {
        const __m512i q0 = broadcast_lane(in->q[t] + v * RK__LANE);
        const __m512i q1 = broadcast_lane(in->q[t] + (v + 1) * RK__LANE);
        RK__UNROLL
        for (size_t p = 0; p < PANELS; p++) {
            even[p] = _mm512_dpbusd_epi32(even[p], held[p].codes[v], q0);
            odd[p] = _mm512_dpbusd_epi32(odd[p], held[p].codes[v + 1], q1);
        }
    }
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) isum[p] = _mm512_add_epi32(even[p], odd[p]);
}

// Adds a block of each panel to the sums of a chunk's tokens.
static RK__ALWAYS_INLINE void sweep_block(const rk__panel_layout *layout, floats sums[][PANELS],
                                          const uint8_t *const blocks[PANELS],
                                          const rk__chunk_block *in, size_t n_tokens) {
    held_block held[PANELS];
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) held[p] = hold_block(layout, blocks[p]);
    for (size_t t = 0; t < n_tokens; t++) {
        __m512i isum[PANELS];
        sum_codes(layout, isum, held, in, t);
        RK__UNROLL
        for (size_t p = 0; p < PANELS; p++) {
            sums[t][p] = add_to_sum(layout, sums[t][p], isum[p], held[p].d, held[p].m, in->scale[t],
                                    in->scaled_sum[t]);
        }
    }
}

#include "kernels/product_block_tiles.h"

void rk__block_product_init_avx512(rk__product product[RK_DTYPE_COUNT]) {
    init_block_products(product);
}
