// Products with Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 matrices: the way through
// matrix and tokens, which is the same for every instruction set. A file for
// one of them includes this after it has defined
//
//     ROWS, floats       rows of a panel, and a register of as many floats
//     TILE_TOKENS        tokens whose sums are in registers together, at most 6
//     PANELS             panels whose weights are in registers together for
//     many tokens wide               where a part of a block is, from where
//     panel_layout.h says zero_of            the code that means 0, as the
//     kernel sees codes sweeps             whether a format has a kernel for
//     many tokens add_block          adds a block of a panel to a tile's sums
//     sweep_block        adds a block of PANELS panels to a chunk's sums
//     floats_store       stores the first n lanes
//
// Few tokens: a panel's weights go through the registers once, with a tile of
// tokens.
//
// Many tokens: the matrix is gone through like this, so that weights are
// unpacked once for many tokens and each activation that is loaded meets more
// than one register of weights.
//
//     for each group of GROUP_ROWS rows, and each chunk of tokens
//         for each run of RK__CHUNK_BLOCKS blocks: rearrange the activations,
//             for PANELS panels of the group at a time
//                 for each block of the run: weights into registers,
//                     for each token of the chunk: add the block's part to its
//                     sums
//
// A group's sums are on the stack, 64 KB. Rearranging takes a few percent of
// the time that a group's rows take.
//
// Functions that take a layout or a number of tokens are inlined where these
// are constants.
#ifndef RK_KERNELS_PRODUCT_BLOCK_TILES_H
#define RK_KERNELS_PRODUCT_BLOCK_TILES_H

#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_chunk.h"

enum {
    GROUP_ROWS = 256,
    AHEAD = 8192, // how many bytes ahead prefetches for few tokens are
    LINE = 64,
};

static RK__ALWAYS_INLINE void prefetch_block(const rk__panel_layout *layout, const uint8_t *block) {
    RK__UNROLL
    for (size_t i = 0; i < wide(layout->bytes); i += LINE) {
        _mm_prefetch((const char *)block + i, _MM_HINT_T0);
    }
}

// ---- few tokens

// A number of tokens that fits a tile, for code that is never reached if it
// does not.
static RK__ALWAYS_INLINE size_t at_most(size_t n_tokens) {
    return n_tokens < TILE_TOKENS ? n_tokens : TILE_TOKENS;
}

// One panel with a tile of tokens; n_rows of its rows and those behind it are
// wanted.
static RK__ALWAYS_INLINE void multiply_tile(const rk__panel_layout *layout, size_t n_tokens,
                                            float *out, size_t out_stride, const uint8_t *panel,
                                            size_t n_rows, rk__tile_tokens in) {
    floats sum[TILE_TOKENS];
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) sum[t] = (floats){0};
    for (size_t b = 0; b < in.n_blocks; b++, panel += wide(layout->bytes)) {
        prefetch_block(layout, panel + AHEAD);
        add_block(layout, n_tokens, sum, panel, &in);
        in.q += RK__BLOCK;
        in.scale++;
        in.qsum++;
    }
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) floats_store(out + t * out_stride, sum[t], n_rows);
}

// The same with a number of tokens that is known only now, at most TILE_TOKENS.
static RK__ALWAYS_INLINE void multiply_tokens(const rk__panel_layout *layout, size_t n_tokens,
                                              float *out, size_t out_stride, const uint8_t *panel,
                                              size_t n_rows, rk__tile_tokens in) {
    if (n_tokens >= TILE_TOKENS) {
        multiply_tile(layout, TILE_TOKENS, out, out_stride, panel, n_rows, in);
        return;
    }
    switch (n_tokens) { // cases from TILE_TOKENS on are never compiled
    case 1:
        multiply_tile(layout, 1, out, out_stride, panel, n_rows, in);
        break;
    case 2:
        multiply_tile(layout, 2, out, out_stride, panel, n_rows, in);
        break;
    case 3:
        multiply_tile(layout, 3, out, out_stride, panel, n_rows, in);
        break;
    case 4:
        multiply_tile(layout, at_most(4), out, out_stride, panel, n_rows, in);
        break;
    default:
        multiply_tile(layout, at_most(5), out, out_stride, panel, n_rows, in);
        break;
    }
}

// Token t and those behind it.
static RK__ALWAYS_INLINE rk__tile_tokens tokens_from(rk__tile_tokens tokens, size_t t) {
    tokens.q += t * tokens.columns;
    tokens.scale += t * tokens.n_blocks;
    tokens.qsum += t * tokens.n_blocks;
    return tokens;
}

// Each panel with all tokens: it comes from memory for the first tile, from the
// cache for others.
static RK__ALWAYS_INLINE void multiply_few(const rk__panel_layout *layout, float *out,
                                           size_t out_stride, const uint8_t *panels, size_t n_rows,
                                           rk__tile_tokens in, size_t n_tokens) {
    const size_t panel_bytes = in.n_blocks * wide(layout->bytes);
    for (size_t r = 0; r < n_rows; r += ROWS, panels += panel_bytes) {
        for (size_t t = 0; t < n_tokens; t += TILE_TOKENS) {
            multiply_tokens(layout, n_tokens - t, out + t * out_stride + r, out_stride, panels,
                            n_rows - r, tokens_from(in, t));
        }
    }
}

// ---- many tokens

// Sums of a chunk's tokens with some panels.
typedef floats sweep_sums[RK__CHUNK_TOKENS][PANELS];

// A run of blocks of a group of rows; `run` holds the activations. A panel that
// does not exist is replaced by the one beside it; nobody looks at its results.
static RK__ALWAYS_INLINE void sweep_run(const rk__panel_layout *layout, sweep_sums *sums,
                                        const uint8_t *panels, size_t panel_bytes, size_t n_rows,
                                        const rk__chunk_block *run, size_t n_blocks,
                                        size_t n_tokens) {
    const size_t n_panels = (n_rows + ROWS - 1) / ROWS, run_bytes = n_blocks * wide(layout->bytes);
    for (size_t panel = 0; panel < n_panels; panel += PANELS) {
        const uint8_t *blocks[PANELS], *next[PANELS];
        for (size_t p = 0; p < PANELS; p++) {
            blocks[p] = panels + (panel + p < n_panels ? panel + p : panel) * panel_bytes;
            // After the last panels, the first ones and their next run.
            next[p] = panel + PANELS < n_panels ? blocks[p] + PANELS * panel_bytes
                                                : panels + p * panel_bytes + run_bytes;
        }
        for (size_t b = 0; b < n_blocks; b++) {
            for (size_t p = 0; p < PANELS; p++) {
                prefetch_block(layout, next[p]);
                next[p] += wide(layout->bytes);
            }
            sweep_block(layout, sums[panel / PANELS], blocks, run + b, n_tokens);
            for (size_t p = 0; p < PANELS; p++) blocks[p] += wide(layout->bytes);
        }
    }
}

// A chunk of tokens with a group of rows.
static RK__ALWAYS_INLINE void multiply_chunk(const rk__panel_layout *layout, float *out,
                                             size_t out_stride, const uint8_t *panels,
                                             size_t n_rows, rk__tile_tokens in, size_t n_tokens) {
    const size_t panel_bytes = in.n_blocks * wide(layout->bytes);
    rk__chunk_block run[RK__CHUNK_BLOCKS];
    sweep_sums sums[GROUP_ROWS / ROWS / PANELS];
    for (size_t r = 0; r < n_rows; r += ROWS * PANELS) {
        memset(sums[r / ROWS / PANELS], 0, n_tokens * sizeof sums[0][0]);
    }
    for (size_t b = 0; b < in.n_blocks; b += RK__CHUNK_BLOCKS) {
        const size_t left = in.n_blocks - b;
        const size_t n = left < RK__CHUNK_BLOCKS ? left : RK__CHUNK_BLOCKS;
        rk__chunk_fill(run, &in, n_tokens, b, n, layout->has_m, zero_of(layout));
        sweep_run(layout, sums, panels + b * wide(layout->bytes), panel_bytes, n_rows, run, n,
                  n_tokens);
    }
    for (size_t r = 0; r < n_rows; r += ROWS) {
        for (size_t t = 0; t < n_tokens; t++) {
            floats_store(out + t * out_stride + r, sums[r / ROWS / PANELS][t][r / ROWS % PANELS],
                         n_rows - r);
        }
    }
}

static RK__ALWAYS_INLINE void multiply_many(const rk__panel_layout *layout, float *out,
                                            size_t out_stride, const uint8_t *panels, size_t n_rows,
                                            rk__tile_tokens in, size_t n_tokens) {
    const size_t group_bytes = GROUP_ROWS / ROWS * in.n_blocks * wide(layout->bytes);
    for (size_t r = 0; r < n_rows; r += GROUP_ROWS, panels += group_bytes) {
        const size_t rows = n_rows - r < GROUP_ROWS ? n_rows - r : GROUP_ROWS;
        for (size_t t = 0; t < n_tokens; t += RK__CHUNK_TOKENS) {
            const size_t left = n_tokens - t;
            multiply_chunk(layout, out + t * out_stride + r, out_stride, panels, rows,
                           tokens_from(in, t), left < RK__CHUNK_TOKENS ? left : RK__CHUNK_TOKENS);
        }
    }
}

static RK__ALWAYS_INLINE void multiply(const rk__panel_layout *layout, float *out,
                                       size_t out_stride, const void *panels, size_t n_rows,
                                       size_t columns, const rk__activations *input,
                                       size_t n_tokens) {
    const rk__tile_tokens in = {
        .q = input->q,
        .scale = input->scale,
        .qsum = input->qsum,
        .columns = columns,
        .n_blocks = columns / RK__BLOCK,
    };
    if (n_tokens <= TILE_TOKENS || !sweeps(layout)) {
        multiply_few(layout, out, out_stride, panels, n_rows, in, n_tokens);
    } else {
        multiply_many(layout, out, out_stride, panels, n_rows, in, n_tokens);
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

static void init_block_products(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_Q4_0].multiply = multiply_q4_0;
    product[RK_DTYPE_Q4_1].multiply = multiply_q4_1;
    product[RK_DTYPE_Q5_0].multiply = multiply_q5_0;
    product[RK_DTYPE_Q5_1].multiply = multiply_q5_1;
    product[RK_DTYPE_Q8_0].multiply = multiply_q8_0;
}

#endif
