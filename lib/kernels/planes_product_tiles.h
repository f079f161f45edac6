// Products of planes with vector registers: what is the same for every instruction set. A file for
// one of them includes this after it has defined
//
//     lanes, LANES       a register of LANES floats
//     lanes_load, lanes_store, lanes_broadcast (of a float), lanes_add, lanes_multiply,
//     lanes_fmadd (a * b + c), lanes_of_halves (of LANES FP16 values)
//     weight_kind, load_column
//                        float types, and LANES values of one, widened
//     bytes              a register of bytes
//     bytes_load, bytes_low, bytes_high (nibbles of each),
//     bytes_add_bits (16 where the bits at an address are set),
//     bytes_low_pairs, bytes_high_pairs, bytes_low_quads, bytes_high_quads (merge the lower or the
//                        upper halves of 16 bytes each, byte by byte or pair by pair)
//     ints               a register of LANES int32
//     ints_all (of one value), ints_to_lanes (as floats)
//     ints_add_nibbles   adds the products of codes below 32 with signed bytes, four at a time
//     ints_add_bytes     the same for signed codes of 8 bits, but for SIGNED_ZERO times the sum of
//                        the signed bytes, which it adds too
//
// Sums are kept in memory while a tile's columns go by, each for all rows of the tile; meanwhile
// the next ones are fetched.
#ifndef RK_KERNELS_PLANES_PRODUCT_TILES_H
#define RK_KERNELS_PLANES_PRODUCT_TILES_H

#include <string.h>

#include "kernels/inlining.h"
#include "kernels/plane_layout.h"

enum { TOGETHER = 4, LINE = 64, TILE_SUMS = 4096 };

// Rows of a tile, and tokens, that sums are kept for.
typedef struct tile {
    rk__plane_tile of;
    const rk__activations *input;
    size_t columns;
    size_t first, n; // in the tile; multiples of RK__PLANE_ROWS
    size_t n_tokens;
    _Alignas(LINE) float total[TILE_SUMS]; // [n_tokens][n]
} tile;

static inline size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// ---- float types

static RK__ALWAYS_INLINE size_t value_bytes(weight_kind kind) {
    return kind == KIND_F32 ? sizeof(float) : sizeof(uint16_t);
}

// Some columns: their values from the tile's first row on, and the tokens' activations.
typedef struct column_group {
    const uint8_t *weights[TOGETHER];
    float x[RK__PLANE_TOKENS][TOGETHER];
} column_group;

// Columns list[0 .. TOGETHER), or fewer: those that do not exist are the last one, times zero, so
// that they change nothing.
static RK__ALWAYS_INLINE column_group gather(weight_kind kind, const tile *t, size_t c,
                                             const uint16_t *list, size_t n_listed) {
    column_group group;
    for (size_t i = 0; i < TOGETHER; i++) {
        const size_t column = c + list[i < n_listed ? i : n_listed - 1];
        group.weights[i] = t->of.data + (column * t->of.rows + t->first) * value_bytes(kind);
        for (size_t k = 0; k < t->n_tokens; k++) {
            group.x[k][i] = i < n_listed ? t->input->x[k * t->columns + column] : 0.0F;
        }
    }
    return group;
}

enum { STEP_ROWS = 32 }; // between prefetches

// The next group's lines of STEP_ROWS rows.
static RK__ALWAYS_INLINE void prefetch_columns(weight_kind kind, const column_group *next,
                                               size_t row) {
    RK__UNROLL
    for (size_t i = 0; i < TOGETHER; i++) {
        const char *const at = (const char *)next->weights[i] + row * value_bytes(kind);
        _mm_prefetch(at, _MM_HINT_T0);
        if (kind == KIND_F32) _mm_prefetch(at + LINE, _MM_HINT_T0);
    }
}

// Token k's sums. Only the first token's turn fetches what comes next.
static RK__ALWAYS_INLINE void add_columns(weight_kind kind, bool fetches, float *sum, size_t n_rows,
                                          size_t k, const column_group *now,
                                          const column_group *next) {
    const uint8_t *weights[TOGETHER];
    lanes x[TOGETHER];
    RK__UNROLL
    for (size_t i = 0; i < TOGETHER; i++) {
        weights[i] = now->weights[i];
        x[i] = lanes_broadcast(now->x[k][i]);
    }
    for (size_t r = 0; r < n_rows; r += STEP_ROWS) {
        if (fetches) prefetch_columns(kind, next, r);
        RK__UNROLL
        for (size_t l = r; l < r + STEP_ROWS; l += LANES) {
            lanes all = lanes_load(sum + l);
            RK__UNROLL
            for (size_t i = 0; i < TOGETHER; i++) {
                all = lanes_fmadd(load_column(kind, weights[i] + l * value_bytes(kind)), x[i], all);
            }
            lanes_store(sum + l, all);
        }
    }
}

// Adds a run of n columns.
static RK__ALWAYS_INLINE void add_run(weight_kind kind, tile *t, size_t c, size_t n) {
    _Alignas(LINE) float sum[TILE_SUMS];
    uint16_t list[RK__FLOAT_RUN];
    const size_t n_listed = rk__list_columns(list, t->input->x + c, t->columns, t->n_tokens, n);
    if (n_listed == 0) return;
    memset(sum, 0, t->n_tokens * t->n * sizeof sum[0]);
    column_group now = gather(kind, t, c, list, n_listed);
    for (size_t i = 0; i < n_listed; i += TOGETHER) {
        const size_t left = n_listed - i;
        const column_group next =
            left > TOGETHER ? gather(kind, t, c, list + i + TOGETHER, left - TOGETHER) : now;
        add_columns(kind, true, sum, t->n, 0, &now, &next);
        for (size_t k = 1; k < t->n_tokens; k++) {
            add_columns(kind, false, sum + k * t->n, t->n, k, &now, &next);
        }
        now = next;
    }
    for (size_t i = 0; i < t->n_tokens * t->n; i += LANES) {
        lanes_store(t->total + i, lanes_add(lanes_load(t->total + i), lanes_load(sum + i)));
    }
}

static RK__ALWAYS_INLINE void add_runs(weight_kind kind, tile *t) {
    for (size_t c = 0; c < t->columns; c += RK__FLOAT_RUN) {
        add_run(kind, t, c, smaller(RK__FLOAT_RUN, t->columns - c));
    }
}

// ---- block formats

enum {
    QUAD = 4,
    MAX_QUADS = RK__Q8_BLOCK / QUAD,
    CHUNK_REGISTERS = RK__PLANE_CHUNK / sizeof(bytes)
};

// Columns of a block that are not skipped, four by four. Columns that are missing in the last quad
// are those of others, times zero.
typedef struct block_work {
    const uint8_t *plane; // the block, from the tile's first wanted row on; NULL: none
    size_t block;
    const uint8_t *column[RK__Q8_BLOCK]; // codes, from the first wanted row on
    const uint8_t *bits[RK__Q8_BLOCK];   // fifth bits
    uint8_t index[RK__Q8_BLOCK];
    size_t n_columns, n_quads;
} block_work;

static RK__ALWAYS_INLINE void locate_columns(const rk__panel_layout *f, const tile *t,
                                             const rk__plane_block *block, block_work *work) {
    const size_t strip = t->first / RK__PLANE_ROWS;
    const uint8_t *const base = t->of.data + work->block * block->bytes;
    work->plane = base + 2 * t->first;
    work->n_quads = (work->n_columns + QUAD - 1) / QUAD;
    for (size_t i = 0; i < work->n_quads * QUAD; i++) {
        const size_t listed = i < work->n_columns ? i : work->n_columns - 1;
        const uint8_t *const column =
            base + block->columns + work->index[listed] * block->column_bytes;
        work->column[i] = column + strip * rk__plane_strip_bytes(f);
        work->bits[i] = column + block->bits + strip * RK__PLANE_STRIP_BITS;
    }
}

// The first block from *b on that is not skipped as a whole; *b moves behind it.
static RK__ALWAYS_INLINE void next_block(const rk__panel_layout *f, const tile *t,
                                         const rk__plane_block *block, size_t *b,
                                         block_work *work) {
    work->plane = NULL;
    work->n_columns = 0;
    for (; work->n_columns == 0 && *b < t->columns / RK__Q8_BLOCK; ++*b) {
        work->n_columns =
            rk__list_block_columns(work->index, t->input, t->columns, t->n_tokens, *b);
        work->block = *b;
    }
    if (work->n_columns > 0) locate_columns(f, t, block, work);
}

// The lines of strip `strip` of a block.
static RK__ALWAYS_INLINE void prefetch_strip(const rk__panel_layout *f,
                                             const rk__plane_block *block, const block_work *work,
                                             size_t strip) {
    if (work->plane == NULL) return;
    const char *const d = (const char *)work->plane + strip * 2 * RK__PLANE_ROWS;
    RK__UNROLL
    for (size_t at = 0; at < 2 * RK__PLANE_ROWS; at += LINE) {
        _mm_prefetch(d + at, _MM_HINT_T0);
        if (f->has_m) _mm_prefetch(d + block->m + at, _MM_HINT_T0);
    }
    for (size_t i = 0; i < work->n_columns; i++) {
        const char *const codes = (const char *)work->column[i] + strip * rk__plane_strip_bytes(f);
        _mm_prefetch(codes, _MM_HINT_T0);
        if (f->has_bytes) _mm_prefetch(codes + LINE, _MM_HINT_T0);
        if (f->has_fifth_bits) {
            _mm_prefetch((const char *)work->bits[i] + strip * RK__PLANE_STRIP_BITS, _MM_HINT_T0);
        }
    }
}

// One token's activations of a block.
typedef struct block_token {
    float *total; // the tile's sums
    int32_t q[MAX_QUADS];
    float scale, scaled_sum;
    int32_t qsum;
} block_token;

static RK__ALWAYS_INLINE block_token token_of(tile *t, const block_work *work, size_t k) {
    const size_t at = k * (t->columns / RK__Q8_BLOCK) + work->block;
    block_token token = {.total = t->total + k * t->n,
                         .scale = t->input->scale[at],
                         .scaled_sum = t->input->scale[at] * (float)t->input->qsum[at],
                         .qsum = t->input->qsum[at]};
    int8_t q[RK__Q8_BLOCK] = {0};
    for (size_t i = 0; i < work->n_columns; i++) {
        q[i] = t->input->q[at * RK__Q8_BLOCK + work->index[i]];
    }
    memcpy(token.q, q, sizeof q);
    return token;
}

// Four columns of the rows of a register, side by side: rows in groups of LANES.
static RK__ALWAYS_INLINE void merge(bytes rows[QUAD], const bytes columns[QUAD]) {
    const bytes low01 = bytes_low_pairs(columns[0], columns[1]);
    const bytes low23 = bytes_low_pairs(columns[2], columns[3]);
    const bytes high01 = bytes_high_pairs(columns[0], columns[1]);
    const bytes high23 = bytes_high_pairs(columns[2], columns[3]);
    rows[0] = bytes_low_quads(low01, low23);
    rows[1] = bytes_high_quads(low01, low23);
    rows[2] = bytes_low_quads(high01, high23);
    rows[3] = bytes_high_quads(high01, high23);
}

static RK__ALWAYS_INLINE void add_quad(bool are_bytes, ints sum[QUAD], const bytes columns[QUAD],
                                       int32_t q) {
    bytes rows[QUAD];
    merge(rows, columns);
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        sum[i] = are_bytes ? ints_add_bytes(sum[i], rows[i], ints_all(q))
                           : ints_add_nibbles(sum[i], rows[i], ints_all(q));
    }
}

// The nibbles of register h of a strip's chunk, for rows 0 .. 63 and 64 .. 127.
static RK__ALWAYS_INLINE void add_nibbles(bool has_fifth_bits, ints sum[2][QUAD],
                                          const uint8_t *const *column, const uint8_t *const *bits,
                                          size_t strip, size_t h, int32_t q) {
    bytes low[QUAD], high[QUAD];
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        const bytes both = bytes_load(column[i] + strip * RK__PLANE_CHUNK + h * sizeof(bytes));
        low[i] = bytes_low(both);
        high[i] = bytes_high(both);
        if (!has_fifth_bits) continue;
        const uint8_t *const fifth = bits[i] + strip * RK__PLANE_STRIP_BITS + h * sizeof(bytes) / 8;
        low[i] = bytes_add_bits(low[i], fifth);
        high[i] = bytes_add_bits(high[i], fifth + RK__PLANE_BIT_BYTES);
    }
    add_quad(false, sum[0], low, q);
    add_quad(false, sum[1], high, q);
}

static RK__ALWAYS_INLINE void add_bytes(ints sum[2][QUAD], const uint8_t *const *column,
                                        size_t strip, size_t h, int32_t q) {
    RK__UNROLL
    for (size_t chunk = 0; chunk < 2; chunk++) {
        bytes codes[QUAD];
        RK__UNROLL
        for (size_t i = 0; i < QUAD; i++) {
            codes[i] =
                bytes_load(column[i] + (2 * strip + chunk) * RK__PLANE_CHUNK + h * sizeof(bytes));
        }
        add_quad(true, sum[chunk], codes, q);
    }
}

// LANES rows from `row` on.
static RK__ALWAYS_INLINE void add_to_total(const rk__panel_layout *f, const rk__plane_block *block,
                                           const block_work *work, const block_token *token,
                                           size_t row, ints sum) {
    const uint8_t *const d = work->plane + 2 * row;
    const lanes step = lanes_multiply(lanes_of_halves(d), lanes_broadcast(token->scale));
    lanes all = lanes_fmadd(step, ints_to_lanes(sum), lanes_load(token->total + row));
    if (f->has_m) {
        all = lanes_fmadd(lanes_of_halves(d + block->m), lanes_broadcast(token->scaled_sum), all);
    }
    lanes_store(token->total + row, all);
}

// What register h of the chunks of a strip gives.
static RK__ALWAYS_INLINE void add_register(const rk__panel_layout *f, const rk__plane_block *block,
                                           const block_work *work, const block_token *token,
                                           size_t strip, size_t h) {
    const ints start = ints_all(-(f->has_bytes ? SIGNED_ZERO : f->zero) * token->qsum);
    ints sum[2][QUAD];
    RK__UNROLL
    for (size_t i = 0; i < QUAD; i++) sum[0][i] = sum[1][i] = start;
    for (size_t i = 0; i < work->n_quads; i++) {
        if (f->has_bytes) {
            add_bytes(sum, work->column + i * QUAD, strip, h, token->q[i]);
        } else {
            add_nibbles(f->has_fifth_bits, sum, work->column + i * QUAD, work->bits + i * QUAD,
                        strip, h, token->q[i]);
        }
    }
    RK__UNROLL
    for (size_t chunk = 0; chunk < 2; chunk++) {
        RK__UNROLL
        for (size_t i = 0; i < QUAD; i++) {
            add_to_total(f, block, work, token,
                         strip * RK__PLANE_ROWS + chunk * RK__PLANE_CHUNK + i * 16 + h * LANES,
                         sum[chunk][i]);
        }
    }
}

// A block for one token. Fetches what comes next on the way, if `next` is not NULL.
static RK__ALWAYS_INLINE void add_block(const rk__panel_layout *f, const rk__plane_block *block,
                                        size_t n_rows, const block_work *work,
                                        const block_token *token, const block_work *next) {
    for (size_t strip = 0; strip < n_rows / RK__PLANE_ROWS; strip++) {
        if (next != NULL) prefetch_strip(f, block, next, strip);
        RK__UNROLL
        for (size_t h = 0; h < CHUNK_REGISTERS; h++) {
            add_register(f, block, work, token, strip, h);
        }
    }
}

// The layout is known where this is inlined.
static RK__ALWAYS_INLINE void add_blocks(const rk__panel_layout *f, tile *t) {
    const rk__plane_block block = rk__plane_block_of(f, t->of.rows);
    block_work work[2];
    size_t b = 0;
    next_block(f, t, &block, &b, &work[0]);
    for (size_t i = 0; work[i].plane != NULL; i = 1 - i) {
        next_block(f, t, &block, &b, &work[1 - i]);
        for (size_t k = 0; k < t->n_tokens; k++) {
            const block_token token = token_of(t, &work[i], k);
            add_block(f, &block, t->n, &work[i], &token, k == 0 ? &work[1 - i] : NULL);
        }
    }
}

// ---- both

static inline void add_all(rk_dtype dtype, tile *t) {
    switch (dtype) {
    case RK_DTYPE_F32:
        add_runs(KIND_F32, t);
        break;
    case RK_DTYPE_F16:
        add_runs(KIND_F16, t);
        break;
    case RK_DTYPE_BF16:
        add_runs(KIND_BF16, t);
        break;
    case RK_DTYPE_Q4_0:
        add_blocks(&rk__panel_q4_0, t);
        break;
    case RK_DTYPE_Q4_1:
        add_blocks(&rk__panel_q4_1, t);
        break;
    case RK_DTYPE_Q5_0:
        add_blocks(&rk__panel_q5_0, t);
        break;
    case RK_DTYPE_Q5_1:
        add_blocks(&rk__panel_q5_1, t);
        break;
    default: // Q8_0
        add_blocks(&rk__panel_q8_0, t);
        break;
    }
}

static inline void multiply_planes(float *out, size_t out_stride, const rk__planes *planes,
                                   size_t first, size_t n_rows, const rk__activations *input,
                                   size_t n_tokens) {
    const size_t fitting = TILE_SUMS / n_tokens / RK__PLANE_ROWS * RK__PLANE_ROWS;
    const size_t step = smaller(RK__PLANE_TILE, fitting);
    tile t = {.input = input, .columns = planes->columns, .n_tokens = n_tokens};
    for (size_t r = 0, n; r < n_rows; r += n) {
        t.of = rk__plane_tile_of(planes, first + r);
        t.first = first + r - t.of.first;
        n = smaller(smaller(step, n_rows - r), t.of.rows - t.first);
        t.n = rk__planes_rows(n);
        memset(t.total, 0, n_tokens * t.n * sizeof t.total[0]);
        add_all(planes->dtype, &t);
        for (size_t k = 0; k < n_tokens; k++) {
            memcpy(out + k * out_stride + r, t.total + k * t.n, n * sizeof out[0]);
        }
    }
}

#endif
