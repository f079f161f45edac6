// Reads matrices in slabs of rows. A thread takes the next slab, reads it into its buffer, checks
// it, and packs it from there: the bytes are in the cache all the while, and what is written once
// and stays is the packed matrix.
#include "cpu/cpu_load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/finite.h"

// Values of a slab: enough to amortise a read, small enough for a core's own cache.
enum { SLAB_VALUES = 1 << 18 };

// What one thread reads into: grown to what the largest slab so far needed.
typedef struct buffers {
    uint8_t *rows;   // owned, [rows_size]
    float *scratch;  // owned, [scratch_size]
    uint8_t *panels; // owned, [panels_size], for planes
    size_t rows_size, scratch_size, panels_size;
} buffers;

// The matrix that is being loaded, and the threads' progress with it.
typedef struct task {
    const rk__matrix *matrix;
    const rk__tensor_plan *tensor;
    const rk__plane_kernels *planes;
    bool through_floats; // values have to be converted on the way
    size_t row_bytes;
    size_t unit_rows;   // packed together
    size_t slab_rows;   // whole units
    atomic_size_t next; // row of the next slab
    atomic_bool failed;
    pthread_mutex_t lock; // guards status and error: the first failure is reported
    rk_status status;
    rk_error error;
} task;

struct rk__loader {
    const rk__plane_kernels *planes;
    const rk__weights *weights;
    rk_pool *pool;
    buffers *buffers; // owned, [n_threads]
    size_t n_threads;
    task task;
};

rk_status rk__loader_new(rk__loader **out, const rk__kernels *kernels, const rk__weights *weights,
                         rk_pool *pool, rk_error *err) {
    rk__loader *l = NULL;
    rk_status status = rk__alloc((void **)&l, 1, sizeof *l, err);
    if (status != RK_OK) goto out;
    l->planes = &kernels->planes;
    l->weights = weights;
    l->pool = pool;
    l->n_threads = rk_pool_threads(pool);
    status = rk__alloc((void **)&l->buffers, l->n_threads, sizeof l->buffers[0], err);
out:
    if (status != RK_OK) rk__loader_free(&l);
    *out = l;
    return status;
}

void rk__loader_free(rk__loader **loader) {
    rk__loader *l = *loader;
    if (l == NULL) return;
    for (size_t i = 0; l->buffers != NULL && i < l->n_threads; i++) {
        rk__free(l->buffers[i].rows);
        rk__free(l->buffers[i].scratch);
        rk__free(l->buffers[i].panels);
    }
    rk__free(l->buffers);
    rk__free(l);
    *loader = NULL;
}

static rk_status make_room(void **memory, size_t *size, size_t wanted, size_t element,
                           rk_error *err) {
    if (wanted <= *size) return RK_OK;
    rk__free(*memory);
    *memory = NULL;
    *size = 0;
    RK_TRY(rk__alloc_aligned(memory, wanted, element, err));
    *size = wanted;
    return RK_OK;
}

// Names the first row that holds something else than numbers.
static rk_status check_slab(const rk__loader *l, const uint8_t *rows, size_t first, size_t n,
                            rk_error *err) {
    const rk__matrix *m = l->task.matrix;
    if (rk__values_are_finite(m->dtype, rows, n * m->columns)) return RK_OK;
    size_t row = 0;
    while (rk__values_are_finite(m->dtype, rows + row * l->task.row_bytes, m->columns)) row++;
    return rk__matrix_refuse_row(m, l->weights, first + row, err);
}

// Packs n rows into panels, the last one filled with zero rows.
static void pack(const task *t, uint8_t *panels, const uint8_t *rows, size_t n) {
    const rk__product *product = &t->matrix->product;
    const size_t panel_bytes = t->matrix->panel_bytes;
    for (size_t row = 0; row < n; row += product->panel_rows, panels += panel_bytes) {
        const size_t left = n - row;
        product->pack(panels, rows + row * t->row_bytes, t->row_bytes,
                      left < product->panel_rows ? left : product->panel_rows, t->matrix->columns);
    }
}

// Rows from `first` on, through panels that live in the cache, into planes.
static void store_planes(const task *t, buffers *b, const uint8_t *rows, size_t first, size_t n) {
    const rk__matrix *m = t->matrix;
    for (size_t row = 0; row < n; row += t->unit_rows) {
        const size_t left = n - row;
        if (left < t->unit_rows) memset(b->panels, 0, t->unit_rows * t->row_bytes);
        pack(t, b->panels, rows + row * t->row_bytes, left < t->unit_rows ? left : t->unit_rows);
        t->planes->from_panels(&m->planes, first + row, t->unit_rows, b->panels, &m->product);
    }
}

static void store_slab(const task *t, buffers *b, size_t first, size_t n) {
    const rk__matrix *m = t->matrix;
    if (m->data == NULL) return; // rows stay in the file
    if (m->planes.rows > 0) {
        store_planes(t, b, b->rows, first, n);
    } else if (m->product.panel_rows > 0) {
        pack(t, m->data + first * t->row_bytes, b->rows, n);
    } else {
        memcpy(m->data + first * t->row_bytes, b->rows, n * t->row_bytes);
    }
}

static rk_status load_slab(const rk__loader *l, buffers *b, size_t first, size_t n, rk_error *err) {
    const task *t = &l->task;
    RK_TRY(rk__weights_read_as(l->weights, t->tensor, t->matrix->dtype, first, n, b->rows,
                               n * t->row_bytes, b->scratch, err));
    RK_TRY(check_slab(l, b->rows, first, n, err));
    store_slab(t, b, first, n);
    return RK_OK;
}

static rk_status load_slabs(rk__loader *l, buffers *b, rk_error *err) {
    task *t = &l->task;
    const size_t n_rows = t->matrix->rows;
    const size_t most = n_rows < t->slab_rows ? n_rows : t->slab_rows;
    RK_TRY(make_room((void **)&b->rows, &b->rows_size, most * t->row_bytes, 1, err));
    if (t->through_floats) {
        RK_TRY(make_room((void **)&b->scratch, &b->scratch_size, most * t->matrix->columns,
                         sizeof b->scratch[0], err));
    }
    if (t->matrix->planes.rows > 0) {
        RK_TRY(
            make_room((void **)&b->panels, &b->panels_size, t->unit_rows * t->row_bytes, 1, err));
    }
    while (!atomic_load(&t->failed)) {
        const size_t first = atomic_fetch_add(&t->next, t->slab_rows);
        if (first >= n_rows) break;
        const size_t left = n_rows - first;
        RK_TRY(load_slab(l, b, first, left < t->slab_rows ? left : t->slab_rows, err));
    }
    return RK_OK;
}

static void load_job(void *argument, size_t thread, size_t n_threads) {
    (void)n_threads;
    rk__loader *l = argument;
    task *t = &l->task;
    rk_error error;
    const rk_status status = load_slabs(l, &l->buffers[thread], &error);
    if (status == RK_OK) return;
    pthread_mutex_lock(&t->lock);
    if (t->status == RK_OK) {
        t->status = status;
        t->error = error;
    }
    pthread_mutex_unlock(&t->lock);
    atomic_store(&t->failed, true);
}

rk_status rk__loader_read(rk__loader *loader, const rk__matrix *matrix,
                          const rk__tensor_plan *tensor, rk_error *err) {
    const rk__weights *weights = loader->weights;
    const size_t panel_rows = matrix->product.panel_rows == 0 ? 1 : matrix->product.panel_rows;
    const size_t unit = rk__matrix_unit_rows(matrix);
    const size_t units = SLAB_VALUES / (matrix->columns * unit);
    loader->task = (task){
        .matrix = matrix,
        .tensor = tensor,
        .planes = loader->planes,
        .through_floats = !rk__weights_stored_as(weights, tensor, matrix->dtype),
        .row_bytes = matrix->panel_bytes / panel_rows,
        .unit_rows = unit,
        .slab_rows = unit * (units == 0 ? 1 : units),
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    // A checksum is taken from the slabs as they are read, not from the file beforehand.
    if (!tensor->in_parts) rk__checkpoint_defer_check(weights->file, tensor->source);
    rk_pool_run(loader->pool, load_job, loader);
    pthread_mutex_destroy(&loader->task.lock);
    // Damaged data are called that rather than what they happen to look like.
    RK_TRY(rk__checkpoint_settle_check(weights->file, tensor->source, err));
    if (loader->task.status != RK_OK && err != NULL) *err = loader->task.error;
    return loader->task.status;
}
