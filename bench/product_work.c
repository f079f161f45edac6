// Matrices and activations for measuring products.
#include "product_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "cli/messages.h"
#include "cpu/share.h"

enum {
    PACKED_ROWS = 64,           // random rows, repeated as often as the matrix needs
    LEAST_ROWS = 256,           // that a thread multiplies at a time: as many as in a small model
    PIECE_OPERATIONS = 1 << 26, // about what a thread does at a time: a fraction of a millisecond
};

static void *allocate(size_t count, size_t size) {
    void *memory;
    rk_error err;
    if (rk__alloc_aligned(&memory, count, size, &err) != RK_OK) exit(cli_failure(&err));
    return memory;
}

static void *allocate_large(size_t size) {
    void *memory;
    rk_error err;
    if (rk__alloc_large(&memory, size, &err) != RK_OK) exit(cli_failure(&err));
    return memory;
}

static void fill_random(float *x, size_t n, uint64_t seed) {
    rk__random random = {.seed = seed};
    for (size_t i = 0; i < n; i++) x[i] = (float)(rk__random_uniform(&random) - 0.5);
}

// ---- matrices

// Random rows in the file's layout. Release: rk__free.
static uint8_t *random_rows(const rk__kernels *kernels, rk_dtype dtype, size_t n_rows,
                            size_t columns, size_t row_bytes) {
    uint8_t *const rows = allocate(n_rows, row_bytes);
    float *const values = allocate(columns, sizeof *values);
    for (size_t r = 0; r < n_rows; r++) {
        fill_random(values, columns, r);
        kernels->rows.encode[dtype](rows + r * row_bytes, values, columns);
    }
    rk__free(values);
    return rows;
}

static void pack_matrix(const rk__kernels *kernels, const product_matrix *m) {
    const size_t panel_rows = m->product.panel_rows;
    const size_t row_bytes = m->panel_bytes / panel_rows;
    uint8_t *const rows = random_rows(kernels, m->dtype, PACKED_ROWS, m->columns, row_bytes);
    for (size_t r = 0; r < m->rows; r += panel_rows) {
        const size_t left = m->rows - r;
        m->product.pack(m->panels + r / panel_rows * m->panel_bytes,
                        rows + r % PACKED_ROWS * row_bytes, row_bytes,
                        left < panel_rows ? left : panel_rows, m->columns);
    }
    rk__free(rows);
}

void product_matrix_init(product_matrix *matrix, const rk__kernels *kernels, rk_pool *pool,
                         rk_dtype dtype, size_t rows, size_t columns, size_t bytes) {
    *matrix = (product_matrix){.pool = pool,
                               .product = kernels->product[dtype],
                               .dtype = dtype,
                               .rows = rows,
                               .columns = columns};
    product_matrix *const m = matrix;
    if (!rk__panel_bytes(&m->panel_bytes, &m->product, dtype, columns)) {
        cli_misuse("rows of %zu values do not fit %s", columns, rk_dtype_describe(dtype)->name);
    }
    const size_t n_panels = (rows + m->product.panel_rows - 1) / m->product.panel_rows;
    m->matrix_bytes = n_panels * m->panel_bytes;
    m->n_copies = bytes / m->matrix_bytes > 0 ? bytes / m->matrix_bytes : 1;
    m->panels = allocate_large(m->n_copies * m->matrix_bytes);
    pack_matrix(kernels, m);
    for (size_t i = 1; i < m->n_copies; i++) {
        memcpy(m->panels + i * m->matrix_bytes, m->panels, m->matrix_bytes);
    }
}

void product_matrix_fini(product_matrix *matrix) {
    rk__free(matrix->panels);
    *matrix = (product_matrix){0};
}

// ---- packing

void pack_run_init(pack_run *run, const rk__kernels *kernels, const product_matrix *matrix) {
    *run = (pack_run){.matrix = matrix};
    const size_t row_bytes = matrix->panel_bytes / matrix->product.panel_rows;
    const size_t n_rows = matrix->matrix_bytes / row_bytes * matrix->n_copies;
    uint8_t *const some =
        random_rows(kernels, matrix->dtype, PACKED_ROWS, matrix->columns, row_bytes);
    run->rows = allocate_large(n_rows * row_bytes);
    for (size_t r = 0; r < n_rows; r++) {
        memcpy(run->rows + r * row_bytes, some + r % PACKED_ROWS * row_bytes, row_bytes);
    }
    rk__free(some);
}

void pack_run_fini(pack_run *run) {
    rk__free(run->rows);
    *run = (pack_run){0};
}

static void pack_job(void *argument, size_t thread, size_t n_threads) {
    const pack_run *const run = argument;
    const product_matrix *const m = run->matrix;
    const size_t panel_rows = m->product.panel_rows, row_bytes = m->panel_bytes / panel_rows;
    const rk__share share = rk__share_of(m->rows, panel_rows, thread, n_threads);
    const size_t offset = run->copy * m->matrix_bytes;
    for (size_t r = share.begin; r < share.end; r += panel_rows) {
        m->product.pack(m->panels + offset + r / panel_rows * m->panel_bytes,
                        run->rows + offset + r * row_bytes, row_bytes,
                        share.end - r < panel_rows ? share.end - r : panel_rows, m->columns);
    }
}

static double run_pack(void *argument) {
    pack_run *const run = argument;
    rk_pool_run(run->matrix->pool, pack_job, run);
    run->copy = (run->copy + 1) % run->matrix->n_copies;
    return (double)run->matrix->matrix_bytes;
}

bench_work pack_work(pack_run *run) {
    return (bench_work){run_pack, run};
}

// ---- runs

// Whole panels for every thread, about PIECE_OPERATIONS each.
static size_t rows_at_a_time(const product_matrix *m, size_t n_tokens) {
    const size_t unit = LEAST_ROWS * rk_pool_threads(m->pool);
    const size_t wanted = PIECE_OPERATIONS / (2 * m->columns * n_tokens) / LEAST_ROWS * unit;
    if (wanted >= m->rows) return m->rows;
    return wanted < unit ? unit : wanted;
}

void product_run_init(product_run *run, const rk__kernels *kernels, const product_matrix *matrix,
                      size_t n_tokens, product_amount amount) {
    const size_t n = n_tokens * matrix->columns, n_blocks = n / RK__Q8_BLOCK;
    *run = (product_run){
        .matrix = matrix,
        .amount = amount,
        .n_tokens = n_tokens,
        .piece_rows = rows_at_a_time(matrix, n_tokens),
        .x = allocate(n, sizeof *run->x),
        .out = allocate(n_tokens * matrix->rows, sizeof *run->out),
    };
    fill_random(run->x, n, n_tokens);
    run->input.x = run->x;
    if (!matrix->product.quantized_input) return;
    run->q = allocate(n, sizeof *run->q);
    run->scale = allocate(n_blocks, sizeof *run->scale);
    run->qsum = allocate(n_blocks, sizeof *run->qsum);
    kernels->quantize_activations(run->q, run->scale, run->qsum, run->x, n_tokens, matrix->columns);
    run->input = (rk__activations){run->x, run->q, run->scale, run->qsum};
}

void product_run_fini(product_run *run) {
    rk__free(run->x);
    rk__free(run->q);
    rk__free(run->scale);
    rk__free(run->qsum);
    rk__free(run->out);
    *run = (product_run){0};
}

static size_t rows_of_piece(const product_run *run) {
    const size_t left = run->matrix->rows - run->row;
    return left < run->piece_rows ? left : run->piece_rows;
}

static void product_job(void *argument, size_t thread, size_t n_threads) {
    const product_run *const run = argument;
    const product_matrix *const m = run->matrix;
    const rk__share share =
        rk__share_of(rows_of_piece(run), m->product.panel_rows, thread, n_threads);
    if (share.begin == share.end) return;
    const size_t first = run->row + share.begin;
    m->product.multiply(run->out + first, m->rows,
                        m->panels + run->copy * m->matrix_bytes +
                            first / m->product.panel_rows * m->panel_bytes,
                        share.end - share.begin, m->columns, &run->input, run->n_tokens);
}

static double amount_of(const product_run *run, size_t n_rows) {
    const product_matrix *const m = run->matrix;
    const double part = (double)n_rows / (double)m->rows;
    switch (run->amount) {
    case AMOUNT_BYTES:
        return part * (double)m->matrix_bytes;
    case AMOUNT_OPERATIONS:
        return 2.0 * (double)n_rows * (double)m->columns * (double)run->n_tokens;
    default:
        return part * (double)run->n_tokens;
    }
}

static double run_piece(void *argument) {
    product_run *const run = argument;
    const size_t n_rows = rows_of_piece(run);
    rk_pool_run(run->matrix->pool, product_job, run);
    run->row += n_rows;
    if (run->row >= run->matrix->rows) {
        run->row = 0;
        run->copy = (run->copy + 1) % run->matrix->n_copies;
    }
    return amount_of(run, n_rows);
}

bench_work product_work(product_run *run) {
    return (bench_work){run_piece, run};
}
