// Products with float32, FP16 and bfloat16 matrices with AVX2, FMA and F16C.
//
// Lanes of a register are the rows of a panel. Several panels and tokens are computed together, so
// that there are enough sums that do not wait for each other; each sum runs over the columns in the
// order that kernels/product.h prescribes, with fused multiply-adds.
//
// Few tokens (streams): weights are widened in registers as they come from memory, 4 panels at a
// time. More tokens (tiles): a run of 2 panels is widened into a buffer once and multiplied with
// all tokens from there.
//
// Functions that take a weight_kind or a number of panels or tokens are inlined where these are
// constants, so that their loops unroll and sums stay in registers.
#include <immintrin.h>
#include <string.h>

#include "kernels/inlining.h"
#include "kernels/panel_layout.h"
#include "kernels/product_parts.h"

// Panels x tokens whose sums are in registers together: 12 of the 16, the rest for weights and
// activations.
enum {
    STREAM_PANELS = 4,
    STREAM_TOKENS = 3,
    TILE_PANELS = 2,
    TILE_TOKENS = 6,
};

enum {
    ROWS = RK__PANEL_ROWS,
    CHUNK_TOKENS = 60, // tokens whose totals are kept at a time: whole tiles
    STEP = 4,          // columns between prefetches
    AHEAD = 2048,      // how many bytes ahead prefetches are
};

typedef enum weight_kind { KIND_F32, KIND_F16, KIND_BF16 } weight_kind;

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static RK__ALWAYS_INLINE size_t column_bytes(weight_kind kind) {
    return ROWS * (kind == KIND_F32 ? sizeof(float) : sizeof(uint16_t));
}

static RK__ALWAYS_INLINE __m256 load_column(weight_kind kind, const uint8_t *weights) {
    if (kind == KIND_F32) return _mm256_loadu_ps((const float *)(const void *)weights);
    const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)weights);
    if (kind == KIND_F16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

// STEP columns' cache lines, some way ahead.
static RK__ALWAYS_INLINE void prefetch_columns(weight_kind kind, const uint8_t *weights) {
    for (size_t i = 0; i < STEP * column_bytes(kind); i += 64) {
        _mm_prefetch((const char *)weights + AHEAD + i, _MM_HINT_T0);
    }
}

static void store_rows(float *out, __m256 sums, size_t n_rows) {
    float rows[ROWS];
    if (n_rows >= ROWS) {
        _mm256_storeu_ps(out, sums);
        return;
    }
    _mm256_storeu_ps(rows, sums);
    memcpy(out, rows, n_rows * sizeof *out);
}

// ---- few tokens

// What a stream reads: panel p's weights begin at weights + p * panel_bytes, token t's activations
// at x + t * columns.
typedef struct stream {
    const uint8_t *weights;
    size_t panel_bytes;
    const float *x;
    size_t columns;
} stream;

typedef __m256 stream_sums[STREAM_PANELS][STREAM_TOKENS];

static RK__ALWAYS_INLINE void add_column(weight_kind kind, size_t n_panels, size_t n_tokens,
                                         stream_sums sum, const stream *at) {
    __m256 x[STREAM_TOKENS];
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) x[t] = _mm256_broadcast_ss(at->x + t * at->columns);
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        const __m256 column = load_column(kind, at->weights + p * at->panel_bytes);
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) sum[p][t] = _mm256_fmadd_ps(column, x[t], sum[p][t]);
    }
}

// Adds a run of n columns to the totals and moves on.
static RK__ALWAYS_INLINE void stream_run(weight_kind kind, size_t n_panels, size_t n_tokens,
                                         stream_sums total, stream *at, size_t n) {
    stream_sums sum;
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) sum[p][t] = _mm256_setzero_ps();
    }
    for (size_t c = 0; c < n; c++) {
        if (c % STEP == 0) {
            RK__UNROLL
            for (size_t p = 0; p < n_panels; p++) {
                prefetch_columns(kind, at->weights + p * at->panel_bytes);
            }
        }
        add_column(kind, n_panels, n_tokens, sum, at);
        at->weights += column_bytes(kind);
        at->x++;
    }
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) total[p][t] = _mm256_add_ps(total[p][t], sum[p][t]);
    }
}

// n_panels panels, whose last one may have fewer than 8 rows that are wanted.
static RK__ALWAYS_INLINE void stream_panels(weight_kind kind, size_t n_panels, size_t n_tokens,
                                            float *out, size_t out_stride, const uint8_t *panels,
                                            size_t n_rows, size_t columns, const float *x) {
    stream at = {panels, columns * column_bytes(kind), x, columns};
    stream_sums total;
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) total[p][t] = _mm256_setzero_ps();
    }
    for (size_t c = 0; c < columns; c += RK__FLOAT_RUN) {
        stream_run(kind, n_panels, n_tokens, total, &at, smaller(RK__FLOAT_RUN, columns - c));
    }
    RK__UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            store_rows(out + t * out_stride + p * ROWS, total[p][t], n_rows - p * ROWS);
        }
    }
}

static RK__ALWAYS_INLINE void multiply_few(weight_kind kind, size_t n_tokens, float *out,
                                           size_t out_stride, const uint8_t *panels, size_t n_rows,
                                           size_t columns, const float *x) {
    const size_t panel_bytes = columns * column_bytes(kind);
    size_t r = 0;
    for (; r + (STREAM_PANELS - 1) * ROWS < n_rows; r += STREAM_PANELS * ROWS) {
        stream_panels(kind, STREAM_PANELS, n_tokens, out + r, out_stride,
                      panels + r / ROWS * panel_bytes, n_rows - r, columns, x);
    }
    for (; r < n_rows; r += ROWS) {
        stream_panels(kind, 1, n_tokens, out + r, out_stride, panels + r / ROWS * panel_bytes,
                      n_rows - r, columns, x);
    }
}

// ---- more tokens

// A run of columns, widened: [panel][column][row].
typedef float run_buffer[TILE_PANELS][RK__FLOAT_RUN][ROWS];

static RK__ALWAYS_INLINE void widen_run(weight_kind kind, float widened[][ROWS],
                                        const uint8_t *weights, size_t n) {
    for (size_t c = 0; c < n; c++) {
        const uint8_t *const column = weights + c * column_bytes(kind);
        _mm_prefetch((const char *)column + AHEAD, _MM_HINT_T0);
        _mm256_storeu_ps(widened[c], load_column(kind, column));
    }
}

// Adds a run of n columns to totals[token][panel][row].
static RK__ALWAYS_INLINE void add_tile(size_t n_panels, size_t n_tokens,
                                       float totals[][TILE_PANELS][ROWS], run_buffer run,
                                       const float *x, size_t columns, size_t n) {
    __m256 sum[TILE_TOKENS][TILE_PANELS];
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        RK__UNROLL
        for (size_t p = 0; p < n_panels; p++) sum[t][p] = _mm256_setzero_ps();
    }
    for (size_t c = 0; c < n; c++) {
        __m256 column[TILE_PANELS];
        RK__UNROLL
        for (size_t p = 0; p < n_panels; p++) column[p] = _mm256_loadu_ps(run[p][c]);
        RK__UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            const __m256 activation = _mm256_broadcast_ss(x + t * columns + c);
            RK__UNROLL
            for (size_t p = 0; p < n_panels; p++) {
                sum[t][p] = _mm256_fmadd_ps(column[p], activation, sum[t][p]);
            }
        }
    }
    RK__UNROLL
    for (size_t t = 0; t < n_tokens; t++) {
        RK__UNROLL
        for (size_t p = 0; p < n_panels; p++) {
            const __m256 total = _mm256_loadu_ps(totals[t][p]);
            _mm256_storeu_ps(totals[t][p], _mm256_add_ps(total, sum[t][p]));
        }
    }
}

static RK__ALWAYS_INLINE void add_tokens(size_t n_panels, size_t n_tokens,
                                         float totals[][TILE_PANELS][ROWS], run_buffer run,
                                         const float *x, size_t columns, size_t n) {
    switch (n_tokens) {
    case 1:
        add_tile(n_panels, 1, totals, run, x, columns, n);
        break;
    case 2:
        add_tile(n_panels, 2, totals, run, x, columns, n);
        break;
    case 3:
        add_tile(n_panels, 3, totals, run, x, columns, n);
        break;
    case 4:
        add_tile(n_panels, 4, totals, run, x, columns, n);
        break;
    case 5:
        add_tile(n_panels, 5, totals, run, x, columns, n);
        break;
    default:
        add_tile(n_panels, TILE_TOKENS, totals, run, x, columns, n);
        break;
    }
}

// The same with all tokens of a chunk. Not inlined, for it is the same for every kind.
static void add_run(size_t n_panels, size_t n_tokens, float totals[][TILE_PANELS][ROWS],
                    run_buffer run, const float *x, size_t columns, size_t n) {
    for (size_t t = 0; t < n_tokens; t += TILE_TOKENS) {
        const size_t m = smaller(TILE_TOKENS, n_tokens - t);
        if (n_panels == 1) {
            add_tokens(1, m, totals + t, run, x + t * columns, columns, n);
        } else {
            add_tokens(TILE_PANELS, m, totals + t, run, x + t * columns, columns, n);
        }
    }
}

// One or two panels with up to CHUNK_TOKENS tokens.
static RK__ALWAYS_INLINE void multiply_chunk(weight_kind kind, size_t n_panels, float *out,
                                             size_t out_stride, const uint8_t *panels,
                                             size_t n_rows, size_t columns, const float *x,
                                             size_t n_tokens) {
    const size_t panel_bytes = columns * column_bytes(kind);
    float totals[CHUNK_TOKENS][TILE_PANELS][ROWS];
    memset(totals, 0, n_tokens * sizeof totals[0]);
    for (size_t c = 0; c < columns; c += RK__FLOAT_RUN) {
        const size_t n = smaller(RK__FLOAT_RUN, columns - c);
        run_buffer run;
        for (size_t p = 0; p < n_panels; p++) {
            widen_run(kind, run[p], panels + p * panel_bytes + c * column_bytes(kind), n);
        }
        add_run(n_panels, n_tokens, totals, run, x + c, columns, n);
    }
    for (size_t t = 0; t < n_tokens; t++) {
        memcpy(out + t * out_stride, totals[t], n_rows * sizeof *out);
    }
}

static RK__ALWAYS_INLINE void multiply_many(weight_kind kind, float *out, size_t out_stride,
                                            const uint8_t *panels, size_t n_rows, size_t columns,
                                            const float *x, size_t n_tokens) {
    const size_t panel_bytes = columns * column_bytes(kind);
    for (size_t r = 0; r < n_rows; r += TILE_PANELS * ROWS, panels += TILE_PANELS * panel_bytes) {
        const size_t rows = smaller(TILE_PANELS * ROWS, n_rows - r);
        for (size_t t = 0; t < n_tokens; t += CHUNK_TOKENS) {
            multiply_chunk(kind, rows > ROWS ? TILE_PANELS : 1, out + t * out_stride + r,
                           out_stride, panels, rows, columns, x + t * columns,
                           smaller(CHUNK_TOKENS, n_tokens - t));
        }
    }
}

// ---- the table's functions

static RK__ALWAYS_INLINE void multiply(weight_kind kind, float *out, size_t out_stride,
                                       const void *panels, size_t n_rows, size_t columns,
                                       const float *x, size_t n_tokens) {
    switch (n_tokens) {
    case 1:
        multiply_few(kind, 1, out, out_stride, panels, n_rows, columns, x);
        break;
    case 2:
        multiply_few(kind, 2, out, out_stride, panels, n_rows, columns, x);
        break;
    case 3:
        multiply_few(kind, STREAM_TOKENS, out, out_stride, panels, n_rows, columns, x);
        break;
    default:
        multiply_many(kind, out, out_stride, panels, n_rows, columns, x, n_tokens);
        break;
    }
}

static void multiply_f32(float *out, size_t out_stride, const void *panels, size_t n_rows,
                         size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(KIND_F32, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void multiply_f16(float *out, size_t out_stride, const void *panels, size_t n_rows,
                         size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(KIND_F16, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

static void multiply_bf16(float *out, size_t out_stride, const void *panels, size_t n_rows,
                          size_t columns, const rk__activations *input, size_t n_tokens) {
    multiply(KIND_BF16, out, out_stride, panels, n_rows, columns, input->x, n_tokens);
}

void rk__float_product_init_avx2(rk__product product[RK_DTYPE_COUNT]) {
    product[RK_DTYPE_F32].multiply = multiply_f32;
    product[RK_DTYPE_F16].multiply = multiply_f16;
    product[RK_DTYPE_BF16].multiply = multiply_bf16;
}
