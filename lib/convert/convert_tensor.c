// One tensor of a whole-file job.
//
// Slabs are cut by the number of columns alone, and their sums are added in order: what is written
// and what is reported do not depend on the number of threads.
#include "convert/convert_tensor.h"

#include "base/memory.h"
#include "checkpoint/reading.h"
#include "convert/pipeline.h"

enum { SLAB_FLOATS = 256 * 1024 }; // 1 MB: about what a core's own cache holds

// Rows on their way.
typedef struct slab {
    size_t first, n_rows;
    uint8_t *out;
    size_t size;
    double value_squares, error_squares, change_squares, base_squares; // sums over its values
} slab;

// The work of rk__convert_write_rows.
typedef struct tensor_job {
    rk__convert_job *job;
    const rk__tensor_plan *tensor;
    rk_dtype dtype;
    size_t row_bytes, slab_rows;
    slab *slabs; // [n_slots]
    rk_convert_tensor *report;
} tensor_job;

size_t rk__convert_slab_rows(const rk__tensor_plan *tensor) {
    const size_t rows = SLAB_FLOATS / tensor->columns;
    if (rows == 0) return 1;
    return rows < tensor->rows ? rows : tensor->rows;
}

size_t rk__convert_slots(size_t n_threads) {
    return 2 * n_threads;
}

bool rk__convert_slab_floats(size_t *out, const rk__tensor_plan *tensor) {
    return rk_size_mul(out, rk__convert_slab_rows(tensor), tensor->columns);
}

bool rk__convert_slab_bytes(size_t *out, const rk__tensor_plan *tensor, rk_dtype dtype) {
    size_t row_bytes;
    return rk_dtype_row_bytes(&row_bytes, dtype, tensor->columns) &&
           rk_size_mul(out, rk__convert_slab_rows(tensor), row_bytes);
}

// ---- making a slab

// What rounding did to a slab whose values before it are in `values`; without them the bytes were
// copied as they are and are their own measure.
static void measure_rounding(const tensor_job *t, slab *s, const float *values, float *rounded) {
    const rk__rows *rows = &t->job->weights->rows;
    const size_t columns = t->tensor->columns;
    for (size_t r = 0; r < s->n_rows; r++) {
        rows->decode[t->dtype](rounded, s->out + r * t->row_bytes, columns);
        const float *row = values == NULL ? rounded : values + r * columns;
        const rk__row_squares squares = rows->squares(row, rounded, columns);
        s->value_squares += squares.of_values;
        s->error_squares += squares.of_errors;
    }
}

// What the adapters did to a slab, in the convention of model files.
static rk_status measure_change(const tensor_job *t, slab *s, const rk__convert_worker *worker,
                                rk_error *err) {
    rk__weights unchanged = *t->job->weights;
    unchanged.overlay = NULL;
    RK_TRY(
        rk__weights_read_floats(&unchanged, t->tensor, s->first, s->n_rows, worker->before, err));
    const size_t n = s->n_rows * t->tensor->columns;
    const rk__row_squares squares =
        t->job->weights->rows.squares(worker->before, worker->values, n);
    s->change_squares += squares.of_errors;
    s->base_squares += squares.of_values;
    return RK_OK;
}

static slab cut_slab(const tensor_job *t, size_t item, size_t slot) {
    const size_t first = item * t->slab_rows;
    const size_t left = t->tensor->rows - first;
    const size_t n_rows = t->slab_rows < left ? t->slab_rows : left;
    return (slab){.first = first,
                  .n_rows = n_rows,
                  .out = t->job->slots + slot * t->job->slot_bytes,
                  .size = n_rows * t->row_bytes};
}

static rk_status make_slab(void *self, size_t item, size_t slot, size_t thread, rk_error *err) {
    const tensor_job *t = self;
    const rk__weights *weights = t->job->weights;
    const rk__convert_worker *worker = &t->job->workers[thread];
    slab *s = &t->slabs[slot];
    *s = cut_slab(t, item, slot);
    RK_TRY(rk__weights_read_searched(weights, t->tensor, t->dtype, t->job->search, s->first,
                                     s->n_rows, s->out, s->size, worker->values, worker->search,
                                     err));
    if (t->job->measure) {
        const bool copied = rk__weights_stored_as(weights, t->tensor, t->dtype);
        measure_rounding(t, s, copied ? NULL : worker->values, worker->rounded);
    }
    const bool touched = rk__weights_is_touched(weights, t->tensor);
    return touched ? measure_change(t, s, worker, err) : RK_OK;
}

// ---- finishing it

// The report's rms_* fields stay sums until the tensor is done.
static rk_status write_slab(void *self, size_t item, size_t slot, rk_error *err) {
    (void)item;
    const tensor_job *t = self;
    const slab *s = &t->slabs[slot];
    t->report->rms_value += s->value_squares;
    t->report->rms_error += s->error_squares;
    t->report->rms_change += s->change_squares;
    t->report->rms_base += s->base_squares;
    t->report->bytes += s->size;
    return rk__output_write(t->job->output, s->out, s->size, err);
}

static rk_status tell_progress(const rk__convert_job *job, uint64_t done, rk_error *err) {
    if (job->progress.report == NULL) return RK_OK;
    if (job->progress.report(job->progress.user, done, job->total)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "%s: cancelled, not written", job->output_path);
}

static rk_status watch_slabs(void *self, size_t n_finished, rk_error *err) {
    const tensor_job *t = self;
    const double share = (double)(n_finished * t->slab_rows) / (double)t->tensor->rows;
    const double bytes = (double)rk__weights_source_bytes(t->job->weights, t->tensor);
    return tell_progress(t->job, t->job->done + (uint64_t)(bytes * (share < 1.0 ? share : 1.0)),
                         err);
}

// ---- the tensor

// A value that does not fit may be one that is damaged: then that is what has to be said.
static rk_status settle(const tensor_job *t, rk_status status, rk_error *err) {
    if (status != RK_OK && status != RK_ERR_RANGE) return status;
    RK_TRY(rk__checkpoint_settle_check(t->job->weights->file, t->tensor->source, err));
    return status;
}

static rk_status write_slabs(tensor_job *t, rk_error *err) {
    const rk__pipeline pipeline = {.n_items = (t->tensor->rows + t->slab_rows - 1) / t->slab_rows,
                                   .n_slots = t->job->n_slots,
                                   .make = make_slab,
                                   .finish = write_slab,
                                   .watch = watch_slabs,
                                   .self = t};
    rk__checkpoint_defer_check(t->job->weights->file, t->tensor->source);
    RK_TRY(settle(t, rk__pipeline_run(&pipeline, t->job->pool, err), err));
    t->job->done += rk__weights_source_bytes(t->job->weights, t->tensor);
    return tell_progress(t->job, t->job->done, err);
}

rk_status rk__convert_write_rows(rk__convert_job *job, const rk__tensor_plan *tensor,
                                 rk_dtype dtype, rk_convert_tensor *report, rk_error *err) {
    tensor_job t = {.job = job,
                    .tensor = tensor,
                    .dtype = dtype,
                    .slab_rows = rk__convert_slab_rows(tensor),
                    .report = report};
    (void)rk_dtype_row_bytes(&t.row_bytes, dtype, tensor->columns); // checked with the buffers
    RK_TRY(rk__alloc((void **)&t.slabs, job->n_slots, sizeof t.slabs[0], err));
    const rk_status status = write_slabs(&t, err);
    rk__free(t.slabs);
    return status;
}
