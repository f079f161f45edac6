// Blocks of panels of 8 rows in registers of 256 bits: what AVX2 and AVX-VNNI have in common. A
// file for one of them includes this, and then product_block_tiles.h, after it has defined
//
//     products        4 columns of 8 rows times 4 activations each, as the first of some sums
//     add_products    the same, added to sums
//     finish_sums     such sums in 32 bits
//     goes_on         whether a format's sums can take up a whole block, or only half of it
//     SIGNED_BYTES    whether codes of Q8_0 are signed, as in the file, or count from 0; then 128
//                     was added
#ifndef RK_KERNELS_PRODUCT_BLOCK_256_H
#define RK_KERNELS_PRODUCT_BLOCK_256_H

#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_chunk.h"

typedef __m256 floats;
enum { ROWS = RK__PANEL_ROWS, TILE_TOKENS = 4, PANELS = 2, HALF = RK__NIBBLE_VECTORS };

static RK__ALWAYS_INLINE size_t wide(size_t offset) {
    return offset;
}

static RK__ALWAYS_INLINE int32_t zero_of(const rk__panel_layout *layout) {
    return layout->has_bytes && !SIGNED_BYTES ? 128 : layout->zero;
}

static RK__ALWAYS_INLINE bool sweeps(const rk__panel_layout *layout) {
    return !(layout->has_bytes && SIGNED_BYTES);
}

static RK__ALWAYS_INLINE __m256i load_vector(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

static RK__ALWAYS_INLINE __m256 load_halves(const uint8_t *bytes) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}

static RK__ALWAYS_INLINE void floats_store(float *to, floats values, size_t n) {
    if (n >= ROWS) {
        _mm256_storeu_ps(to, values);
        return;
    }
    float all[ROWS];
    _mm256_storeu_ps(all, values);
    memcpy(to, all, n * sizeof *to);
}

// 4 activations of a token, beside the 4 columns of every row.
static RK__ALWAYS_INLINE __m256i broadcast_lane(const int8_t *q) {
    int32_t lane;
    memcpy(&lane, q, sizeof lane);
    return _mm256_set1_epi32(lane);
}

// The codes of columns 4v + j, v = 0 .. 7, as the panel has them.
static RK__ALWAYS_INLINE __m256i load_codes(const rk__panel_layout *layout, const uint8_t *block,
                                            int v) {
    const uint8_t *const codes = block + layout->codes;
    if (layout->has_bytes) return load_vector(codes + v * RK__VECTOR);
    const __m256i bytes = load_vector(codes + v % HALF * RK__VECTOR);
    const __m256i nibbles =
        _mm256_and_si256(v < HALF ? bytes : _mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    if (!layout->has_fifth_bits) return nibbles;
    const __m256i fifth = load_vector(block + layout->fifth_bits);
    // Bit v of every byte moves to bit 4. What comes in from the next byte is
    // masked off.
    const __m256i moved =
        v < HALF ? _mm256_slli_epi16(fifth, HALF - v) : _mm256_srli_epi16(fifth, v - HALF);
    return _mm256_or_si256(nibbles, _mm256_and_si256(moved, _mm256_set1_epi8(16)));
}

// sum + d * scale * isum (+ m * scaled_sum)
static RK__ALWAYS_INLINE __m256 add_to_sum(const rk__panel_layout *layout, __m256 sum, __m256i isum,
                                           __m256 d, __m256 m, float scale, float scaled_sum) {
    const __m256 step = _mm256_mul_ps(d, _mm256_set1_ps(scale));
    sum = _mm256_fmadd_ps(step, _mm256_cvtepi32_ps(isum), sum);
    return layout->has_m ? _mm256_fmadd_ps(m, _mm256_set1_ps(scaled_sum), sum) : sum;
}

// ---- few tokens

// Adds vectors [v, v + HALF) of a block to the tokens' sums, or begins them.
static RK__ALWAYS_INLINE void sum_half(const rk__panel_layout *layout, size_t n_tokens,
                                       __m256i *sum, const uint8_t *block,
                                       const rk__tile_tokens *in, int v, bool begins) {
    RK__UNROLL
    for (int i = v; i < v + HALF; i++) {
        const __m256i codes = load_codes(layout, block, i);
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            const __m256i q = broadcast_lane(in->q + t * in->columns + i * RK__LANE);
            sum[t] = begins && i == v ? products(layout, codes, q)
                                      : add_products(layout, sum[t], codes, q);
        }
    }
}

// The sums of a block in 32 bits.
static RK__ALWAYS_INLINE void sum_codes(const rk__panel_layout *layout, size_t n_tokens,
                                        __m256i *isum, const uint8_t *block,
                                        const rk__tile_tokens *in) {
    __m256i sum[TILE_TOKENS];
    sum_half(layout, n_tokens, sum, block, in, 0, true);
    if (!goes_on(layout)) {
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) isum[t] = finish_sums(layout, sum[t]);
    }
    sum_half(layout, n_tokens, sum, block, in, HALF, !goes_on(layout));
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const __m256i finished = finish_sums(layout, sum[t]);
        isum[t] = goes_on(layout) ? finished : _mm256_add_epi32(isum[t], finished);
    }
}

// Adds a block to the sums of a tile.
static RK__ALWAYS_INLINE void add_block(const rk__panel_layout *layout, size_t n_tokens,
                                        floats *sum, const uint8_t *block,
                                        const rk__tile_tokens *in) {
    __m256i isum[TILE_TOKENS];
    sum_codes(layout, n_tokens, isum, block, in);
    const __m256 d = load_halves(block);
    const __m256 m = layout->has_m ? load_halves(block + layout->m) : d;
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const float scale = in->scale[t * in->n_blocks];
        const int32_t qsum = in->qsum[t * in->n_blocks];
        if (zero_of(layout) != 0) {
            isum[t] = _mm256_sub_epi32(isum[t], _mm256_set1_epi32(zero_of(layout) * qsum));
        }
        sum[t] = add_to_sum(layout, sum[t], isum[t], d, m, scale, scale * (float)qsum);
    }
}

// ---- many tokens: half a block of each panel in registers at a time

typedef __m256i held_codes[PANELS][HALF];

static RK__ALWAYS_INLINE void hold_half(const rk__panel_layout *layout, held_codes held,
                                        const uint8_t *const blocks[PANELS], int v) {
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) {
        RK__UNROLL
        for (int i = 0; i < HALF; i++) held[p][i] = load_codes(layout, blocks[p], v + i);
    }
}

// A token's sums with the codes that are held: new ones, or those of the
// block's other half.
static RK__ALWAYS_INLINE void sum_held(const rk__panel_layout *layout, __m256i sum[PANELS],
                                       held_codes held, const int8_t *q, bool begins) {
    RK__UNROLL
    for (int i = 0; i < HALF; i++) {
        const __m256i lane = broadcast_lane(q + i * RK__LANE);
        RK__UNROLL
        for (size_t p = 0; p < PANELS; p++) {
            sum[p] = begins && i == 0 ? products(layout, held[p][i], lane)
                                      : add_products(layout, sum[p], held[p][i], lane);
        }
    }
}

// A token's sums in 32 bits: sum[p] becomes that of a whole block.
static RK__ALWAYS_INLINE void finish_held(const rk__panel_layout *layout, __m256i sum[PANELS],
                                          const __m256i low[PANELS], held_codes held,
                                          const int8_t *q) {
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) sum[p] = low[p];
    sum_held(layout, sum, held, q, !goes_on(layout));
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) {
        sum[p] = finish_sums(layout, sum[p]);
        if (!goes_on(layout)) sum[p] = _mm256_add_epi32(sum[p], finish_sums(layout, low[p]));
    }
}

// Adds a block of each panel to the sums of a chunk's tokens.
static RK__ALWAYS_INLINE void sweep_block(const rk__panel_layout *layout, floats sums[][PANELS],
                                          const uint8_t *const blocks[PANELS],
                                          const rk__chunk_block *in, size_t n_tokens) {
    __m256i low[RK__CHUNK_TOKENS][PANELS]; // sums of the first half
    held_codes held;
    floats d[PANELS], m[PANELS];
    hold_half(layout, held, blocks, 0);
    for (size_t t = 0; t < n_tokens; t++) sum_held(layout, low[t], held, in->q[t], true);
    hold_half(layout, held, blocks, HALF);
    RK__UNROLL
    for (size_t p = 0; p < PANELS; p++) {
        d[p] = load_halves(blocks[p]);
        m[p] = layout->has_m ? load_halves(blocks[p] + layout->m) : d[p];
    }
    for (size_t t = 0; t < n_tokens; t++) {
        __m256i isum[PANELS];
        finish_held(layout, isum, low[t], held, in->q[t] + RK__BLOCK / 2);
        RK__UNROLL
        for (size_t p = 0; p < PANELS; p++) {
            if (!layout->has_m) {
                isum[p] = _mm256_add_epi32(isum[p], _mm256_set1_epi32(in->minus_zeros[t]));
            }
            sums[t][p] = add_to_sum(layout, sums[t][p], isum[p], d[p], m[p], in->scale[t],
                                    in->scaled_sum[t]);
        }
    }
}

#endif
