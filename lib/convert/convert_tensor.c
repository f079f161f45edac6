// One tensor of a whole-file job.
//
// Slabs are cut by the number of columns alone, and their sums are added in order: what is written
// and what is reported do not depend on the number of threads.
#include "convert/convert_tensor.h"

#include "base/memory.h"
#include "tensor/convert_row.h"

enum {
    SLAB_FLOATS = 256 * 1024, // 1 MB: about what a core's own cache holds
    SLABS_PER_THREAD = 8,     // in a batch; between batches the pool waits for the file
};

// Rows that one thread converts at once.
typedef struct slab {
    size_t first, n_rows;
    uint8_t *out;
    size_t size;
    // Sums over its values.
    double value_squares, error_squares, change_squares;
    rk_status status;
    rk_error err;
} slab;

// Consecutive slabs of one tensor, converted in parallel, then written.
typedef struct batch {
    const rk__convert_job *job;
    const rk__tensor_plan *tensor;
    rk_dtype dtype;
    size_t row_bytes;
    slab *slabs; // [n_slabs]
    size_t n_slabs;
} batch;

static size_t slab_rows(const rk__tensor_plan *tensor) {
    const size_t rows = SLAB_FLOATS / tensor->columns;
    if (rows == 0) return 1;
    return rows < tensor->rows ? rows : tensor->rows;
}

bool rk__convert_slab_floats(size_t *out, const rk__tensor_plan *tensor) {
    return rk_size_mul(out, slab_rows(tensor), tensor->columns);
}

bool rk__convert_batch_bytes(size_t *out, const rk__tensor_plan *tensor, rk_dtype dtype,
                             size_t n_threads) {
    const size_t n_slabs = SLABS_PER_THREAD * n_threads;
    size_t rows = slab_rows(tensor);
    rows = rows <= tensor->rows / n_slabs ? rows * n_slabs : tensor->rows;
    size_t row_bytes;
    return rk_dtype_row_bytes(&row_bytes, dtype, tensor->columns) &&
           rk_size_mul(out, rows, row_bytes);
}

static double square(double x) {
    return x * x;
}

// What rounding did to a slab whose values before it are in `values`; without them the bytes were
// copied as they are and are their own measure.
static void measure_rounding(const batch *b, slab *s, const float *values, float *rounded) {
    const rk__row_decoder decode = rk__row_decoder_of(b->dtype);
    const size_t columns = b->tensor->columns;
    for (size_t r = 0; r < s->n_rows; r++) {
        decode(rounded, s->out + r * b->row_bytes, columns);
        const float *row = values == NULL ? rounded : values + r * columns;
        for (size_t c = 0; c < columns; c++) {
            s->value_squares += square((double)row[c]);
            s->error_squares += square((double)rounded[c] - (double)row[c]);
        }
    }
}

// What the adapters did to a slab, in the convention of model files.
static rk_status measure_change(const batch *b, slab *s, const rk__convert_worker *worker) {
    rk__weights unchanged = *b->job->weights;
    unchanged.overlay = NULL;
    RK_TRY(rk__weights_read_floats(&unchanged, b->tensor, s->first, s->n_rows, worker->before,
                                   &s->err));
    for (size_t i = 0; i < s->n_rows * b->tensor->columns; i++) {
        s->change_squares += square((double)worker->values[i] - (double)worker->before[i]);
    }
    return RK_OK;
}

static bool is_touched(const rk__weights *weights, const rk__tensor_plan *tensor) {
    const rk__overlay *overlay = weights->overlay;
    return overlay != NULL &&
           overlay->touches(overlay->self, rk__weights_info(weights, tensor)->name);
}

static rk_status convert_slab(const batch *b, slab *s, const rk__convert_worker *worker) {
    const rk__weights *weights = b->job->weights;
    RK_TRY(rk__weights_read_as(weights, b->tensor, b->dtype, s->first, s->n_rows, s->out, s->size,
                               worker->values, &s->err));
    if (!b->job->measure) return RK_OK;
    const bool copied = rk__weights_stored_as(weights, b->tensor, b->dtype);
    measure_rounding(b, s, copied ? NULL : worker->values, worker->rounded);
    return is_touched(weights, b->tensor) ? measure_change(b, s, worker) : RK_OK;
}

static void convert_share(void *argument, size_t thread, size_t n_threads) {
    const batch *b = argument;
    for (size_t i = thread; i < b->n_slabs; i += n_threads) {
        b->slabs[i].status = convert_slab(b, &b->slabs[i], &b->job->workers[thread]);
    }
}

// Cuts a batch from row `first` on; returns the row behind it.
static size_t cut(batch *b, size_t first, size_t max_slabs) {
    const size_t rows = slab_rows(b->tensor);
    uint8_t *out = b->job->batch;
    for (b->n_slabs = 0; b->n_slabs < max_slabs && first < b->tensor->rows; b->n_slabs++) {
        const size_t left = b->tensor->rows - first;
        const size_t n_rows = rows < left ? rows : left;
        const size_t size = n_rows * b->row_bytes;
        b->slabs[b->n_slabs] = (slab){.first = first, .n_rows = n_rows, .out = out, .size = size};
        first += n_rows;
        out += size;
    }
    return first;
}

// Adds the slabs' sums to the report, where they stay sums until the tensor is done.
static rk_status gather(const batch *b, rk_convert_tensor *report, size_t *size, rk_error *err) {
    *size = 0;
    for (size_t i = 0; i < b->n_slabs; i++) {
        const slab *s = &b->slabs[i];
        if (s->status != RK_OK) {
            if (err != NULL) *err = s->err;
            return s->status;
        }
        report->rms_value += s->value_squares;
        report->rms_error += s->error_squares;
        report->rms_change += s->change_squares;
        *size += s->size;
    }
    return RK_OK;
}

static rk_status tell_progress(rk__convert_job *job, uint64_t done, rk_error *err) {
    job->done = done;
    if (job->progress.report == NULL) return RK_OK;
    if (job->progress.report(job->progress.user, done, job->total)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "%s: cancelled, not written", job->output_path);
}

uint64_t rk__convert_input_bytes(const rk__weights *weights, const rk__tensor_plan *tensor) {
    const uint64_t bytes = rk_checkpoint_tensor_bytes(weights->file, tensor->source);
    return tensor->in_parts ? bytes / tensor->row->n_parts : bytes;
}

static rk_status write_batches(rk__convert_job *job, batch *b, size_t max_slabs,
                               rk_convert_tensor *report, rk_error *err) {
    const uint64_t done = job->done;
    const uint64_t bytes = rk__convert_input_bytes(job->weights, b->tensor);
    for (size_t first = 0; first < b->tensor->rows;) {
        first = cut(b, first, max_slabs);
        rk_pool_run(job->pool, convert_share, b);
        size_t size;
        RK_TRY(gather(b, report, &size, err));
        RK_TRY(rk__output_write(job->output, job->batch, size, err));
        report->bytes += size;
        const double share = (double)first / (double)b->tensor->rows;
        RK_TRY(tell_progress(job, done + (uint64_t)((double)bytes * share), err));
    }
    job->done = done + bytes;
    return RK_OK;
}

rk_status rk__convert_write_rows(rk__convert_job *job, const rk__tensor_plan *tensor,
                                 rk_dtype dtype, rk_convert_tensor *report, rk_error *err) {
    const size_t max_slabs = SLABS_PER_THREAD * rk_pool_threads(job->pool);
    batch b = {.job = job, .tensor = tensor, .dtype = dtype};
    (void)rk_dtype_row_bytes(&b.row_bytes, dtype, tensor->columns); // checked with the buffers
    RK_TRY(rk__alloc((void **)&b.slabs, max_slabs, sizeof b.slabs[0], err));
    const rk_status status = write_batches(job, &b, max_slabs, report, err);
    rk__free(b.slabs);
    return status;
}
