// Products with float32, FP16 and bfloat16 matrices in tiles of registers: what is the same for
// every instruction set. A file for one of them includes this after it has defined
//
//     lanes              a register of ROWS floats
//     ROWS               rows of a panel
//     FEW_PANELS, FEW_TOKENS, TILE_PANELS, TILE_TOKENS
//                        panels x tokens whose sums fit into the registers, beside TILE_PANELS
//                        columns of weights: FEW_* for few tokens, so that there are enough sums
//                        that do not wait for each other; at most 12 tokens
//     lanes_zero, lanes_add, lanes_fmadd (a * b + c), lanes_broadcast (of the float at an address),
//     lanes_load, lanes_store (of the first n lanes)
//     weight_kind, load_column
//                        the types, and a column of a panel, widened
//
// Each sum runs over the columns in the order that kernels/product.h prescribes, with fused
// multiply-adds. Weights are widened as they are loaded, in every tile anew: the units that
// multiply hardly notice, and a buffer for widened weights would have to be written and read.
//
// Functions that take a weight_kind or a number of panels or tokens are inlined where these are
// constants, so that their loops unroll and sums stay in registers.
#ifndef RK_KERNELS_PRODUCT_FLOAT_TILES_H
#define RK_KERNELS_PRODUCT_FLOAT_TILES_H

#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/product_parts.h"

enum {
    CHUNK_TOKENS = 64, // tokens whose totals are kept at a time
    STEP = 4,          // columns between prefetches
    AHEAD = 8192,      // how many bytes ahead prefetches are, all panels of a tile together
    LINE = 64,
};

static inline size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// A number of tokens that fits a tile, for code that is never reached if it does not.
static RK__ALWAYS_INLINE size_t at_most(size_t n_tokens) {
    return n_tokens < TILE_TOKENS ? n_tokens : TILE_TOKENS;
}

static RK__ALWAYS_INLINE size_t column_bytes(weight_kind kind) {
    return ROWS * (kind == KIND_F32 ? sizeof(float) : sizeof(uint16_t));
}

// ---- one tile and one run of columns

// A tile's place: what its panels and tokens have from the run's first column on.
typedef struct tile_input {
    const uint8_t *weights[FEW_PANELS];
    const float *x; // token t: x + t * stride
    size_t stride;
    // Prefetching: so far ahead are the weights that will be needed, and from column `turn` on this
    // much farther, for behind a panel's end it goes on with the next group's panels.
    size_t ahead, turn, farther;
} tile_input;

typedef lanes tile_sums[TILE_TOKENS][FEW_PANELS];
typedef float run_totals[FEW_PANELS][ROWS]; // of a token

// Tokens are addressed in groups of 3 from a pointer each, which are few enough for the registers
// where a pointer a token is not.
enum { ADDRESSED = 3, POINTERS = (TILE_TOKENS + ADDRESSED - 1) / ADDRESSED };

static RK__ALWAYS_INLINE void add_column(weight_kind kind, size_t n_panels, size_t n_tokens,
                                         tile_sums sum, const tile_input *in,
                                         const float *const x[POINTERS], size_t c) {
    lanes column[FEW_PANELS];
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        column[p] = load_column(kind, in->weights[p] + c * column_bytes(kind));
    }
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        const float *const at = x[t / ADDRESSED] + t % ADDRESSED * in->stride + c;
        const lanes activation = lanes_broadcast(at);
        RK__UNROLL
        for (size_t p = 0; p < n_panels; p++) {
            sum[t][p] = lanes_fmadd(column[p], activation, sum[t][p]);
        }
    }
}

static RK__ALWAYS_INLINE void prefetch_columns(weight_kind kind, size_t n_panels,
                                               const tile_input *in, size_t c) {
    const size_t ahead = in->ahead + (c < in->turn ? 0 : in->farther);
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        const char *const at = (const char *)in->weights[p] + c * column_bytes(kind) + ahead;
        RK__UNROLL
        for (size_t i = 0; i < STEP * column_bytes(kind); i += LINE) {
            _mm_prefetch(at + i, _MM_HINT_T0);
        }
    }
}

// Adds a run of n columns to the totals of a tile's tokens.
static RK__ALWAYS_INLINE void add_tile(weight_kind kind, size_t n_panels, size_t n_tokens,
                                       run_totals *totals, const tile_input *in, size_t n) {
    tile_sums sum;
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        RK__UNROLL
        for (size_t p = 0; p < n_panels; p++) sum[t][p] = lanes_zero();
    }
    const float *x[POINTERS];
    RK__UNROLL
    for (size_t i = 0; i < POINTERS; i++) x[i] = in->x + i * ADDRESSED * in->stride;
    size_t c = 0;
    for (; c + STEP <= n; c += STEP) {
        prefetch_columns(kind, n_panels, in, c);
        RK__ROLLED
        for (size_t i = 0; i < STEP; i++) add_column(kind, n_panels, n_tokens, sum, in, x, c + i);
    }
    for (; c < n; c++) add_column(kind, n_panels, n_tokens, sum, in, x, c);
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        RK__UNROLL
        for (size_t p = 0; p < n_panels; p++) {
            const lanes total = lanes_add(lanes_load(totals[t][p]), sum[t][p]);
            lanes_store(totals[t][p], total, ROWS);
        }
    }
}

// The same with a number of tokens that is known only now, at most TILE_TOKENS.
static RK__ALWAYS_INLINE void add_tokens(weight_kind kind, size_t n_panels, size_t n_tokens,
                                         run_totals *totals, const tile_input *in, size_t n) {
    if (n_tokens >= TILE_TOKENS) {
        add_tile(kind, n_panels, TILE_TOKENS, totals, in, n);
        return;
    }
    switch (n_tokens) { // cases from TILE_TOKENS on are never compiled
    case 1:
        add_tile(kind, n_panels, 1, totals, in, n);
        break;
    case 2:
        add_tile(kind, n_panels, 2, totals, in, n);
        break;
    case 3:
        add_tile(kind, n_panels, 3, totals, in, n);
        break;
    case 4:
        add_tile(kind, n_panels, 4, totals, in, n);
        break;
    case 5:
        add_tile(kind, n_panels, 5, totals, in, n);
        break;
    case 6:
        add_tile(kind, n_panels, at_most(6), totals, in, n);
        break;
    case 7:
        add_tile(kind, n_panels, at_most(7), totals, in, n);
        break;
    case 8:
        add_tile(kind, n_panels, at_most(8), totals, in, n);
        break;
    case 9:
        add_tile(kind, n_panels, at_most(9), totals, in, n);
        break;
    case 10:
        add_tile(kind, n_panels, at_most(10), totals, in, n);
        break;
    default:
        add_tile(kind, n_panels, at_most(11), totals, in, n);
        break;
    }
}

// ---- some panels with a chunk of tokens

typedef struct panel_group {
    const uint8_t *weights; // of the first panel
    size_t panel_bytes;
    size_t n_rows; // that are wanted of this group and all behind it
    const float *x;
    size_t n_tokens, columns;
} panel_group;

// The weights of a group's panels from column c on. A panel that does not exist is replaced by the
// last one; nobody looks at its results.
static RK__ALWAYS_INLINE tile_input locate(weight_kind kind, size_t n_panels,
                                           const panel_group *group, size_t c) {
    const size_t run_bytes = RK__FLOAT_RUN * column_bytes(kind);
    tile_input in = {.stride = group->columns, .ahead = AHEAD / n_panels};
    // Many tokens stay with a run for so long that the next one can be on its way as a whole.
    if (group->n_tokens > TILE_TOKENS && in.ahead < run_bytes) in.ahead = run_bytes;
    const size_t columns_ahead = c + in.ahead / column_bytes(kind);
    in.turn = columns_ahead < group->columns ? group->columns - columns_ahead : 0;
    in.farther = (n_panels - 1) * group->panel_bytes;
    for (size_t p = 0; p < n_panels; p++) {
        const size_t panel = smaller(p, (group->n_rows - 1) / ROWS);
        in.weights[p] = group->weights + panel * group->panel_bytes + c * column_bytes(kind);
    }
    return in;
}

static RK__ALWAYS_INLINE void multiply_group(weight_kind kind, size_t n_panels, float *out,
                                             size_t out_stride, const panel_group *group) {
    run_totals totals[CHUNK_TOKENS];
    memset(totals, 0, group->n_tokens * sizeof totals[0]);
    for (size_t c = 0; c < group->columns; c += RK__FLOAT_RUN) {
        tile_input in = locate(kind, n_panels, group, c);
        const size_t n = smaller(RK__FLOAT_RUN, group->columns - c);
        for (size_t t = 0; t < group->n_tokens; t += TILE_TOKENS) {
            in.x = group->x + t * group->columns + c;
            add_tokens(kind, n_panels, smaller(TILE_TOKENS, group->n_tokens - t), totals + t, &in,
                       n);
        }
    }
    for (size_t t = 0; t < group->n_tokens; t++) {
        for (size_t p = 0; p < n_panels && p * ROWS < group->n_rows; p++) {
            lanes_store(out + t * out_stride + p * ROWS, lanes_load(totals[t][p]),
                        group->n_rows - p * ROWS);
        }
    }
}

static RK__ALWAYS_INLINE void multiply_groups(weight_kind kind, size_t n_panels, float *out,
                                              size_t out_stride, const uint8_t *panels,
                                              size_t n_rows, size_t columns, const float *x,
                                              size_t n_tokens) {
    panel_group group = {.panel_bytes = columns * column_bytes(kind), .columns = columns};
    for (size_t r = 0; r < n_rows; r += n_panels * ROWS) {
        group.weights = panels + r / ROWS * group.panel_bytes;
        group.n_rows = n_rows - r;
        for (size_t t = 0; t < n_tokens; t += CHUNK_TOKENS) {
            group.x = x + t * columns;
            group.n_tokens = smaller(CHUNK_TOKENS, n_tokens - t);
            multiply_group(kind, n_panels, out + t * out_stride + r, out_stride, &group);
        }
    }
}

static RK__ALWAYS_INLINE void multiply_kind(weight_kind kind, float *out, size_t out_stride,
                                            const void *panels, size_t n_rows, size_t columns,
                                            const float *x, size_t n_tokens) {
    if (n_tokens <= FEW_TOKENS) {
        multiply_groups(kind, FEW_PANELS, out, out_stride, panels, n_rows, columns, x, n_tokens);
    } else {
        multiply_groups(kind, TILE_PANELS, out, out_stride, panels, n_rows, columns, x, n_tokens);
    }
}

// ---- the table's functions

static void multiply_f32(float *out, size_t out_stride, const void *panels, size_t n_rows,
                         size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply_kind(KIND_F32, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void multiply_f16(float *out, size_t out_stride, const void *panels, size_t n_rows,
                         size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply_kind(KIND_F16, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void multiply_bf16(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply_kind(KIND_BF16, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void init_float_products(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_F32].multiply = multiply_f32;
    product[RK_DTYPE_F16].multiply = multiply_f16;
    product[RK_DTYPE_BF16].multiply = multiply_bf16;
}

#endif
