// Whole-file jobs: a model from one weights file to another.
#include "rk/convert.h"

#include <math.h>

#include "base/memory.h"
#include "convert/convert_output.h"
#include "convert/convert_plan.h"
#include "convert/convert_search.h"
#include "convert/convert_tensor.h"
#include "convert/state_output.h"

// A job at work.
typedef struct writing {
    rk__convert_plan *plan; // borrowed
    rk__convert_buffers buffers;
    rk__convert_worker *workers; // [n_threads], owned
    rk__convert_search search;   // of the tensor that is being written
    rk__convert_job job;         // owns slots and output
    rk__output *state_output;    // owned; NULL when none is wanted
    rk_merge_part *steps;        // owned: of the record that is being written
    double change_squares;       // of all that adapters changed
} writing;

static rk_status check_options(const rk_convert_options *options, rk_error *err) {
    if (options->n_adapters > 0 && options->adapters == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%zu adapters, but no list of them",
                        options->n_adapters);
    }
    if (options->n_rules > 0 && options->rules == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%zu rules, but no list of them", options->n_rules);
    }
    return RK_OK;
}

// ---- buffers

static rk_status new_workers(writing *w, rk_error *err) {
    const rk__convert_buffers *b = &w->buffers;
    const bool keep_before = w->plan->adapters.n_adapters > 0;
    RK_TRY(rk__alloc((void **)&w->workers, b->n_threads, sizeof w->workers[0], err));
    for (size_t i = 0; i < b->n_threads; i++) {
        rk__convert_worker *worker = &w->workers[i];
        RK_TRY(rk__alloc_aligned((void **)&worker->values, b->slab_floats, sizeof(float), err));
        if (b->search_floats > 0) {
            RK_TRY(
                rk__alloc_aligned((void **)&worker->search, b->search_floats, sizeof(float), err));
        }
        if (keep_before) {
            RK_TRY(rk__alloc_aligned((void **)&worker->before, b->slab_floats, sizeof(float), err));
        }
        if (!w->job.measure) continue;
        RK_TRY(rk__alloc_aligned((void **)&worker->rounded, b->columns, sizeof(float), err));
    }
    return RK_OK;
}

static rk_status new_buffers(writing *w, rk_error *err) {
    RK_TRY(rk__convert_size_buffers(w->plan, &w->buffers, err));
    RK_TRY(new_workers(w, err));
    RK_TRY(rk__alloc((void **)&w->steps, rk__convert_max_steps(w->plan), sizeof w->steps[0], err));
    RK_TRY(
        rk__alloc_aligned((void **)&w->job.slots, w->buffers.n_slots, w->buffers.slot_bytes, err));
    w->job.workers = w->workers;
    w->job.n_slots = w->buffers.n_slots;
    w->job.slot_bytes = w->buffers.slot_bytes;
    return RK_OK;
}

static void writing_fini(writing *w) {
    rk__output_abort(&w->job.output);
    rk__output_abort(&w->state_output);
    for (size_t i = 0; w->workers != NULL && i < w->buffers.n_threads; i++) {
        rk__free(w->workers[i].values);
        rk__free(w->workers[i].before);
        rk__free(w->workers[i].rounded);
        rk__free(w->workers[i].search);
    }
    rk__convert_search_fini(&w->search);
    rk__free(w->workers);
    rk__free(w->steps);
    rk__free(w->job.slots);
}

// ---- writing

static rk_status write_part(writing *w, const rk__tensor_plan *tensor, rk_convert_tensor *report,
                            rk_error *err) {
    rk__adapter_overlay *adapters = &w->plan->adapters;
    if (adapters->n_adapters > 0) {
        const size_t number = (size_t)(tensor - w->plan->weights.plan.tensors);
        RK_TRY(rk__adapter_overlay_select(adapters, number, err));
    }
    RK_TRY(rk__convert_search_select(&w->search, tensor, report->to, err));
    return rk__convert_write_rows(&w->job, tensor, report->to, report, err);
}

// Turns the sums of a complete record into root mean squares.
static void finish_report(rk_convert_tensor *report) {
    size_t n_values;
    (void)rk_shape_elements(&n_values, &report->shape);
    report->rms_value = sqrt(report->rms_value / (double)n_values);
    report->rms_error = sqrt(report->rms_error / (double)n_values);
    report->rms_change = sqrt(report->rms_change / (double)n_values);
    report->rms_base = sqrt(report->rms_base / (double)n_values);
}

static rk_convert_tensor report_of(const rk__convert_plan *c, const rk__convert_record *record,
                                   rk_merge_part *steps) {
    const rk__tensor_plan *tensor = &c->weights.plan.tensors[record->first];
    return (rk_convert_tensor){.name = record->info.name,
                               .shape = record->info.shape,
                               .from = rk__weights_info(&c->weights, tensor)->dtype,
                               .to = record->info.dtype,
                               .parts = steps,
                               .n_parts = rk__convert_steps(c, record, steps)};
}

static rk_status write_record(writing *w, const rk__convert_record *record, rk_error *err) {
    const rk_convert_options *options = w->plan->options;
    const rk__tensor_plan *parts = &w->plan->weights.plan.tensors[record->first];
    rk_convert_tensor report = report_of(w->plan, record, w->steps);
    RK_TRY(rk__convert_begin_record(w->plan, w->job.output, record, err));
    for (size_t i = 0; i < record->n_parts; i++) RK_TRY(write_part(w, &parts[i], &report, err));
    w->change_squares += report.rms_change;
    finish_report(&report);
    if (options->report != NULL) options->report(options->report_user, &report);
    return RK_OK;
}

static rk_status write_model(writing *w, rk_error *err) {
    rk__convert_record record;
    RK_TRY(rk__convert_begin_output(w->plan, w->job.output, err));
    for (size_t at = 0; rk__convert_record_from(w->plan, at, &record);) {
        RK_TRY(write_record(w, &record, err));
        at = record.first + record.n_parts;
    }
    if (w->plan->adapters.n_adapters == 0 || w->plan->options->allow_unused ||
        w->change_squares > 0.0) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_MISMATCH, "%s: what is merged into it leaves every value as it was",
                    rk_checkpoint_path(w->plan->weights.file));
}

// Both files are complete before one of them appears.
static rk_status commit(writing *w, rk_error *err) {
    const bool sync = !w->plan->options->no_sync;
    if (w->state_output != NULL) RK_TRY(rk__output_commit(&w->state_output, sync, err));
    return rk__output_commit(&w->job.output, sync, err);
}

static rk_status write_files(writing *w, const char *output, rk_error *err) {
    const char *state_output = w->plan->options->state_output;
    RK_TRY(rk__output_open(&w->job.output, output, err));
    if (state_output != NULL) {
        RK_TRY(rk__output_open(&w->state_output, state_output, err));
        RK_TRY(rk__write_tuned_state(w->state_output, &w->plan->weights, err));
    }
    RK_TRY(write_model(w, err));
    return commit(w, err);
}

rk_status rk_convert(const char *input, const char *output, const rk_convert_options *options,
                     rk_convert_result *result, rk_error *err) {
    if (input == NULL || output == NULL || options == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "rk_convert needs an input, an output and options");
    }
    RK_TRY(check_options(options, err));
    rk__convert_plan c;
    rk_convert_result summary;
    writing w = {.plan = &c};
    rk_status status = rk__convert_plan_open(&c, input, options, err);
    if (status != RK_OK) goto out;
    status = rk__convert_describe(&c, &summary, err);
    if (status != RK_OK) goto out;
    w.job = (rk__convert_job){.weights = &c.weights,
                              .pool = options->pool,
                              .output_path = output,
                              .measure = options->report != NULL,
                              .progress = options->progress,
                              .total = summary.input_bytes};
    rk__convert_search_init(&w.search, &c);
    w.job.search = &w.search.search;
    status = new_buffers(&w, err);
    if (status != RK_OK) goto out;
    status = write_files(&w, output, err);
    if (status != RK_OK) goto out;
    rk__convert_report_left_out(&c);
    if (result != NULL) *result = summary;
out:
    writing_fini(&w);
    rk__convert_plan_close(&c);
    return status;
}

static rk_status report_records(const rk__convert_plan *c, rk_error *err) {
    rk__convert_record record;
    rk_merge_part *steps;
    RK_TRY(rk__alloc((void **)&steps, rk__convert_max_steps(c), sizeof steps[0], err));
    for (size_t at = 0; rk__convert_record_from(c, at, &record);) {
        rk_convert_tensor report = report_of(c, &record, steps);
        size_t bytes;
        (void)rk_tensor_bytes(&bytes, &record.info); // counted before
        report.bytes = bytes;
        c->options->report(c->options->report_user, &report);
        at = record.first + record.n_parts;
    }
    rk__free(steps);
    return RK_OK;
}

rk_status rk_convert_plan(const char *input, const rk_convert_options *options,
                          rk_convert_result *plan, rk_error *err) {
    if (input == NULL || options == NULL || plan == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "rk_convert_plan needs an input, options and a plan");
    }
    RK_TRY(check_options(options, err));
    rk__convert_plan c;
    RK_TRY(rk__convert_plan_open(&c, input, options, err));
    rk_status status = rk__convert_describe(&c, plan, err);
    if (status == RK_OK && options->report != NULL) status = report_records(&c, err);
    if (status == RK_OK) rk__convert_report_left_out(&c);
    rk__convert_plan_close(&c);
    return status;
}
