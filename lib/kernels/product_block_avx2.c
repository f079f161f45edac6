// Products with Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 matrices with AVX2, FMA and F16C.
//
// A vector of a panel holds 4 columns of 8 rows; 4 activations of a token, broadcast, meet all of
// them in one multiply-add of bytes (maddubs: unsigned times signed, pairs summed to 16 bits):
//
//     codes       | row 0: c c c c | row 1: c c c c | ... | row 7: c c c c |   unsigned bytes
//     activations |        q q q q |        q q q q | ... |        q q q q |   signed bytes
//     sums        |         s   s  |         s   s  | ... |         s   s  |   16 bits
//
// 16 bits hold what is summed up in them before it is widened to 32: |q| <= 127, so the four-bit
// codes of a block give at most 8 * 2 * 15 * 127 = 30480, the five-bit codes of half a block 4 * 2
// * 31 * 127 = 31496, and one vector of Q8_0 2 * 128 * 127 = 32512. All integer sums are therefore
// exact.
//
// Functions that take a layout or a number of tokens are inlined where these are constants.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"

enum {
    ROWS = RK__PANEL_ROWS,
    TILE_TOKENS = 4, // tokens whose sums are in registers together
    AHEAD = 2048,    // how many bytes ahead prefetches are
};

// What a tile of tokens has for one block of columns: token t's values are at q + t * columns,
// scale + t * n_blocks, qsum + t * n_blocks.
typedef struct block_input {
    const int8_t *q;
    const float *scale;
    const int32_t *qsum;
    size_t columns, n_blocks;
} block_input;

static RK__ALWAYS_INLINE __m256i load_vector(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

static RK__ALWAYS_INLINE __m256 load_halves(const uint8_t *bytes) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}

// 4 activations of a token, beside the 4 columns of every row.
static RK__ALWAYS_INLINE __m256i broadcast_lane(const int8_t *q) {
    int32_t lane;
    memcpy(&lane, q, sizeof lane);
    return _mm256_set1_epi32(lane);
}

// The value, computed here and now. gcc would put off the additions of a tile until their results
// are needed, keep all the operands, and run out of registers.
static RK__ALWAYS_INLINE __m256i settled(__m256i value) {
    __asm__("" : "+x"(value));
    return value;
}

static RK__ALWAYS_INLINE __m256i widen_sums(__m256i pairs) {
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// The codes of vector v, low nibbles (columns 4v + j) or high ones (columns 16 + 4v + j), with
// fifth bits.
static RK__ALWAYS_INLINE __m256i load_codes(const rk__panel_layout *layout, const uint8_t *block,
                                            int v, bool high) {
    const __m256i bytes = load_vector(block + layout->codes + v * RK__VECTOR);
    const __m256i nibbles =
        _mm256_and_si256(high ? _mm256_srli_epi16(bytes, 4) : bytes, _mm256_set1_epi8(15));
    if (!layout->has_fifth_bits) return nibbles;
    const __m256i fifth = load_vector(block + layout->fifth_bits);
    // Bit v, or v + 4, of every byte moves to bit 4. What shifts bring in from the next byte is
    // masked off.
    const __m256i moved = high ? _mm256_srli_epi16(fifth, v) : _mm256_slli_epi16(fifth, 4 - v);
    return _mm256_or_si256(nibbles, _mm256_and_si256(moved, _mm256_set1_epi8(16)));
}

// sum[t] over one half of a block's columns in 16 bits, on top of what it holds.
static RK__ALWAYS_INLINE void sum_half(const rk__panel_layout *layout, size_t n_tokens,
                                       __m256i *sum, const uint8_t *block, const block_input *in,
                                       bool high) {
    RK__UNROLL
    for (int v = 0; v < RK__NIBBLE_VECTORS; v++) {
        const __m256i codes = load_codes(layout, block, v, high);
        const int8_t *const q = in->q + v * RK__LANE + (high ? RK__BLOCK / 2 : 0);
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            const __m256i pairs = _mm256_maddubs_epi16(codes, broadcast_lane(q + t * in->columns));
            sum[t] = settled(_mm256_add_epi16(sum[t], pairs));
        }
    }
}

static RK__ALWAYS_INLINE void sum_nibbles(const rk__panel_layout *layout, size_t n_tokens,
                                          __m256i *isum, const uint8_t *block,
                                          const block_input *in) {
    __m256i pairs[TILE_TOKENS];
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) pairs[t] = _mm256_setzero_si256();
    sum_half(layout, n_tokens, pairs, block, in, false);
    if (layout->has_fifth_bits) {
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            isum[t] = widen_sums(pairs[t]);
            pairs[t] = _mm256_setzero_si256();
        }
    }
    sum_half(layout, n_tokens, pairs, block, in, true);
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const __m256i sums = widen_sums(pairs[t]);
        isum[t] = layout->has_fifth_bits ? _mm256_add_epi32(isum[t], sums) : sums;
    }
}

// Signed codes: the sign goes over to the activation, for maddubs wants one unsigned operand.
static RK__ALWAYS_INLINE void sum_bytes(const rk__panel_layout *layout, size_t n_tokens,
                                        __m256i *isum, const uint8_t *block,
                                        const block_input *in) {
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) isum[t] = _mm256_setzero_si256();
    RK__UNROLL
    for (int v = 0; v < RK__BYTE_VECTORS; v++) {
        const __m256i codes = load_vector(block + layout->codes + v * RK__VECTOR);
        const __m256i magnitudes = _mm256_abs_epi8(codes);
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            const __m256i q = broadcast_lane(in->q + t * in->columns + v * RK__LANE);
            const __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(q, codes));
            isum[t] = settled(_mm256_add_epi32(isum[t], widen_sums(pairs)));
        }
    }
}

// Adds a block to the sums of a tile.
static RK__ALWAYS_INLINE void add_block(const rk__panel_layout *layout, size_t n_tokens,
                                        __m256 *sum, const uint8_t *block, const block_input *in) {
    __m256i isum[TILE_TOKENS];
    if (layout->has_bytes) {
        sum_bytes(layout, n_tokens, isum, block, in);
    } else {
        sum_nibbles(layout, n_tokens, isum, block, in);
    }
    const __m256 d = load_halves(block);
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const __m256 scale = _mm256_set1_ps(in->scale[t * in->n_blocks]);
        const __m256i qsum = _mm256_set1_epi32(in->qsum[t * in->n_blocks]);
        if (layout->zero != 0) {
            const __m256i zeros = _mm256_slli_epi32(qsum, layout->zero == 16 ? 4 : 3);
            isum[t] = _mm256_sub_epi32(isum[t], zeros);
        }
        sum[t] = _mm256_fmadd_ps(_mm256_mul_ps(d, scale), _mm256_cvtepi32_ps(isum[t]), sum[t]);
        if (layout->has_m) {
            const __m256 m = load_halves(block + layout->m);
            sum[t] = _mm256_fmadd_ps(m, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(qsum)), sum[t]);
        }
    }
}

// One panel with a tile of tokens.
static RK__ALWAYS_INLINE void multiply_tile(const rk__panel_layout *layout, size_t n_tokens,
                                            float *out, size_t out_stride, const uint8_t *panel,
                                            size_t n_rows, block_input in) {
    __m256 sum[TILE_TOKENS];
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) sum[t] = _mm256_setzero_ps();
    for (size_t b = 0; b < in.n_blocks; b++, panel += layout->bytes) {
        RK__UNROLL
        for (size_t i = 0; i < layout->bytes; i += 64) {
            _mm_prefetch((const char *)panel + AHEAD + i, _MM_HINT_T0);
        }
        add_block(layout, n_tokens, sum, panel, &in);
        in.q += RK__BLOCK;
        in.scale++;
        in.qsum++;
    }
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        float rows[ROWS];
        _mm256_storeu_ps(rows, sum[t]);
        memcpy(out + t * out_stride, rows, n_rows * sizeof *out);
    }
}

// One panel with all tokens: it comes from memory for the first tile, from the cache for the
// others.
static RK__ALWAYS_INLINE void multiply_panel(const rk__panel_layout *layout, float *out,
                                             size_t out_stride, const uint8_t *panel, size_t n_rows,
                                             block_input in, size_t n_tokens) {
    for (size_t t = 0; t < n_tokens; t += TILE_TOKENS) {
        switch (n_tokens - t) {
        case 1:
            multiply_tile(layout, 1, out, out_stride, panel, n_rows, in);
            break;
        case 2:
            multiply_tile(layout, 2, out, out_stride, panel, n_rows, in);
            break;
        case 3:
            multiply_tile(layout, 3, out, out_stride, panel, n_rows, in);
            break;
        default:
            multiply_tile(layout, 4, out, out_stride, panel, n_rows, in);
            break;
        }
        out += TILE_TOKENS * out_stride;
        in.q += TILE_TOKENS * in.columns;
        in.scale += TILE_TOKENS * in.n_blocks;
        in.qsum += TILE_TOKENS * in.n_blocks;
    }
}

static RK__ALWAYS_INLINE void multiply(const rk__panel_layout *layout, float *out,
                                       size_t out_stride, const void *panels, size_t n_rows,
                                       size_t columns, const rk__activations *input,
                                       size_t n_tokens) {
    const block_input in = {
        .q = input->q,
        .scale = input->scale,
        .qsum = input->qsum,
        .columns = columns,
        .n_blocks = columns / RK__BLOCK,
    };
    const uint8_t *panel = panels;
    for (size_t r = 0; r < n_rows; r += ROWS, panel += in.n_blocks * layout->bytes) {
        const size_t rows = n_rows - r < ROWS ? n_rows - r : ROWS;
        multiply_panel(layout, out + r, out_stride, panel, rows, in, n_tokens);
    }
}

// ---- the table's functions

static void multiply_q4_0(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q4_0, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void multiply_q4_1(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q4_1, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void multiply_q5_0(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q5_0, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void multiply_q5_1(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q5_1, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

static void multiply_q8_0(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(&rk__panel_q8_0, out, out_stride, panels, n_rows, columns, input, n_tokens);
}

void rk__block_product_init_avx2(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_Q4_0].multiply = multiply_q4_0;
    product[RK_DTYPE_Q4_1].multiply = multiply_q4_1;
    product[RK_DTYPE_Q5_0].multiply = multiply_q5_0;
    product[RK_DTYPE_Q5_1].multiply = multiply_q5_1;
    product[RK_DTYPE_Q8_0].multiply = multiply_q8_0;
}
