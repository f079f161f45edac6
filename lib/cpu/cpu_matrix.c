// Loads and packs matrices, and multiplies them.
#include "cpu/cpu_matrix.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/share.h"
#include "tensor/convert_row.h"
#include "tensor/finite.h"

// Rows are read in slabs of about this many bytes of float32: enough to amortise a read, small
// enough for the cache.
enum { SLAB_BYTES = 1 << 20 };

// One matrix being loaded by all threads of a pool.
typedef struct loader {
    rk__matrix *matrix;
    const rk__weights *weights;
    const rk__tensor_plan *tensor;
    size_t row_bytes;
    size_t slab_rows;   // a multiple of panel_rows
    atomic_size_t next; // row of the next slab
    atomic_bool failed;
    pthread_mutex_t lock; // guards status and error: the first failure is reported
    rk_status status;
    rk_error error;
} loader;

static void set_failure(loader *l, rk_status status, const rk_error *error) {
    pthread_mutex_lock(&l->lock);
    if (l->status == RK_OK) {
        l->status = status;
        l->error = *error;
    }
    pthread_mutex_unlock(&l->lock);
    atomic_store(&l->failed, true);
}

static void store_slab(const loader *l, const uint8_t *rows, size_t first, size_t n) {
    const rk__matrix *m = l->matrix;
    const size_t panel_rows = m->product.panel_rows;
    if (panel_rows == 0) { // plain rows
        memcpy(m->data + first * l->row_bytes, rows, n * l->row_bytes);
        return;
    }
    for (size_t row = 0; row < n; row += panel_rows) {
        const size_t left = n - row;
        m->product.pack(m->data + (first + row) / panel_rows * m->panel_bytes,
                        rows + row * l->row_bytes, l->row_bytes,
                        left < panel_rows ? left : panel_rows, m->columns);
    }
}

// Names the first row that holds something else than numbers.
static rk_status check_slab(const loader *l, const uint8_t *rows, size_t first, size_t n,
                            rk_error *err) {
    const rk__matrix *m = l->matrix;
    if (rk__values_are_finite(m->dtype, rows, n * m->columns)) return RK_OK;
    size_t row = 0;
    while (rk__values_are_finite(m->dtype, rows + row * l->row_bytes, m->columns)) row++;
    return rk__fail(err, RK_ERR_RANGE, "%s: row %zu of tensor %s holds NaN or infinity",
                    rk_checkpoint_path(l->weights->file), first + row, m->name);
}

static rk_status load_slabs(loader *l, rk_error *err) {
    uint8_t *rows = NULL;
    float *scratch = NULL;
    rk_status status = rk__alloc_aligned((void **)&rows, l->slab_rows, l->row_bytes, err);
    if (status != RK_OK) goto out;
    status = rk__alloc_aligned((void **)&scratch, l->slab_rows * l->matrix->columns,
                               sizeof scratch[0], err);
    if (status != RK_OK) goto out;
    while (!atomic_load(&l->failed)) {
        const size_t first = atomic_fetch_add(&l->next, l->slab_rows);
        if (first >= l->matrix->rows) break;
        const size_t left = l->matrix->rows - first;
        const size_t n = left < l->slab_rows ? left : l->slab_rows;
        status = rk__weights_read_as(l->weights, l->tensor, l->matrix->dtype, first, n, rows,
                                     n * l->row_bytes, scratch, err);
        if (status != RK_OK) goto out;
        status = check_slab(l, rows, first, n, err);
        if (status != RK_OK) goto out;
        store_slab(l, rows, first, n);
    }
out:
    rk__free(rows);
    rk__free(scratch);
    return status;
}

static void load_job(void *argument, size_t thread, size_t n_threads) {
    (void)thread;
    (void)n_threads;
    loader *l = argument;
    rk_error error;
    const rk_status status = load_slabs(l, &error);
    if (status != RK_OK) set_failure(l, status, &error);
}

// Runs the loader over all rows, in slabs of whole panels.
static rk_status load(rk__matrix *matrix, const rk__weights *weights, const rk__tensor_plan *tensor,
                      size_t panel_rows, rk_pool *pool, rk_error *err) {
    const size_t n_panels = (matrix->rows + panel_rows - 1) / panel_rows;
    RK_TRY(rk__alloc_aligned((void **)&matrix->data, n_panels, matrix->panel_bytes, err));
    const size_t panels_per_slab = SLAB_BYTES / (matrix->columns * sizeof(float) * panel_rows);
    loader l = {.matrix = matrix,
                .weights = weights,
                .tensor = tensor,
                .row_bytes = matrix->panel_bytes / panel_rows,
                .slab_rows = panel_rows * (panels_per_slab == 0 ? 1 : panels_per_slab),
                .lock = PTHREAD_MUTEX_INITIALIZER};
    rk_pool_run(pool, load_job, &l);
    pthread_mutex_destroy(&l.lock);
    if (l.status != RK_OK) {
        if (err != NULL) *err = l.error;
        rk__matrix_fini(matrix);
    }
    return l.status;
}

static rk__matrix describe(const rk__weights *weights, const rk__tensor_plan *tensor,
                           rk_dtype dtype) {
    return (rk__matrix){.name = rk__weights_info(weights, tensor)->name,
                        .dtype = dtype,
                        .rows = tensor->rows,
                        .columns = tensor->columns};
}

static rk_status refuse_columns(const rk__matrix *matrix, rk_error *err) {
    return rk__fail(err, RK_ERR_SHAPE, "%s: rows of %zu values do not fit %s", matrix->name,
                    matrix->columns, rk_dtype_describe(matrix->dtype)->name);
}

rk_status rk__matrix_load(rk__matrix *matrix, const rk__kernels *kernels,
                          const rk__weights *weights, const rk__tensor_plan *tensor, rk_dtype dtype,
                          rk_pool *pool, rk_error *err) {
    *matrix = describe(weights, tensor, dtype);
    matrix->product = kernels->product[dtype];
    if (matrix->product.multiply == NULL) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: no kernels for %s", matrix->name,
                        rk_dtype_describe(dtype)->name);
    }
    if (!rk__panel_bytes(&matrix->panel_bytes, &matrix->product, dtype, matrix->columns)) {
        return refuse_columns(matrix, err);
    }
    return load(matrix, weights, tensor, matrix->product.panel_rows, pool, err);
}

rk_status rk__matrix_load_rows(rk__matrix *matrix, const rk__weights *weights,
                               const rk__tensor_plan *tensor, rk_dtype dtype, rk_pool *pool,
                               rk_error *err) {
    *matrix = describe(weights, tensor, dtype);
    if (!rk_dtype_row_bytes(&matrix->panel_bytes, dtype, matrix->columns)) {
        return refuse_columns(matrix, err);
    }
    return load(matrix, weights, tensor, 1, pool, err);
}

void rk__matrix_row(const rk__matrix *matrix, size_t row, float *out) {
    rk__row_decoder_of(matrix->dtype)(out, matrix->data + row * matrix->panel_bytes,
                                      matrix->columns);
}

uint64_t rk__matrix_bytes(const rk__matrix *matrix) {
    size_t row_bytes = 0;
    (void)rk_dtype_row_bytes(&row_bytes, matrix->dtype, matrix->columns);
    return (uint64_t)row_bytes * matrix->rows;
}

void rk__matrix_fini(rk__matrix *matrix) {
    rk__free(matrix->data);
    *matrix = (rk__matrix){0};
}

rk_status rk__input_init(rk__input *input, size_t tokens, size_t columns, rk_error *err) {
    *input = (rk__input){.columns = columns};
    size_t n = 0;
    if (!rk_size_mul(&n, tokens, columns)) return rk__fail_memory(err, SIZE_MAX);
    const size_t n_blocks = tokens * (columns / RK__Q8_BLOCK);
    RK_TRY(rk__alloc_aligned((void **)&input->x, n, sizeof input->x[0], err));
    RK_TRY(rk__alloc_aligned((void **)&input->q, n, sizeof input->q[0], err));
    RK_TRY(rk__alloc_aligned((void **)&input->scale, n_blocks, sizeof input->scale[0], err));
    return rk__alloc_aligned((void **)&input->qsum, n_blocks, sizeof input->qsum[0], err);
}

void rk__input_fini(rk__input *input) {
    rk__free(input->x);
    rk__free(input->q);
    rk__free(input->scale);
    rk__free(input->qsum);
    *input = (rk__input){0};
}

void rk__input_round(rk__input *input, const rk__kernels *kernels, size_t first, size_t n) {
    const size_t columns = input->columns;
    const size_t blocks = columns / RK__Q8_BLOCK;
    kernels->quantize_activations(input->q + first * columns, input->scale + first * blocks,
                                  input->qsum + first * blocks, input->x + first * columns, n,
                                  columns);
}

void rk__multiply_share(const rk__product_job *jobs, size_t n_jobs, size_t n_tokens, size_t thread,
                        size_t n_threads) {
    for (size_t i = 0; i < n_jobs; i++) {
        const rk__matrix *m = jobs[i].matrix;
        const rk__input *input = jobs[i].input;
        const size_t panel_rows = m->product.panel_rows;
        const rk__share rows = rk__share_of(m->rows, panel_rows, thread, n_threads);
        if (rows.begin == rows.end) continue;
        const rk__activations activations = {input->x, input->q, input->scale, input->qsum};
        m->product.multiply(jobs[i].out + rows.begin, jobs[i].out_stride,
                            m->data + rows.begin / panel_rows * m->panel_bytes,
                            rows.end - rows.begin, m->columns, &activations, n_tokens);
    }
}
