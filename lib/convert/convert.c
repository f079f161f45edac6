// Whole-file jobs: a model from one weights file to another.
#include "rk/convert.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"
#include "checkpoint/model_file.h"
#include "convert/adapter_overlay.h"
#include "convert/convert_tensor.h"
#include "tensor/convert_row.h"

// The state of rk_convert.
typedef struct conversion {
    const rk_convert_options *options;
    rk__weights weights;
    rk__adapter_overlay adapters; // empty without adapters
    rk_dtype *types;              // [n_tensors], of the output, in the order of the plan
    rk__convert_worker *workers;  // [n_threads]
    size_t n_threads;
    rk__convert_job job;
    size_t n_records; // written so far
} conversion;

static bool is_model_file_type(rk_dtype dtype) {
    return (size_t)dtype < RK_DTYPE_COUNT &&
           rk__model_file_type_id(dtype, RK__CONVERT_VERSION) >= 0 &&
           rk__row_encoder_of(dtype) != NULL;
}

static rk_status check_arguments(const char *input, const char *output,
                                 const rk_convert_options *options, rk_error *err) {
    if (input == NULL || output == NULL || options == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "rk_convert needs an input, an output and options");
    }
    if (options->n_adapters > 0 && options->adapters == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%zu adapters, but no list of them",
                        options->n_adapters);
    }
    if (!options->keep_dtype && !is_model_file_type(options->dtype)) {
        const bool known = (size_t)options->dtype < RK_DTYPE_COUNT;
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "model files cannot hold %s; choose FP32, FP16, Q4_0, Q4_1, Q5_0, Q5_1 or "
                        "Q8_0",
                        known ? rk_dtype_describe(options->dtype)->name : "this type");
    }
    return RK_OK;
}

// The type of model files that stands for a type of the input.
static rk_dtype nearest_type(rk_dtype stored) {
    switch (stored) {
    case RK_DTYPE_F16:
    case RK_DTYPE_BF16: // of the same size; its values are exact in FP16 down to 2^-17
        return RK_DTYPE_F16;
    case RK_DTYPE_Q4_0:
    case RK_DTYPE_Q4_0_V100:
    case RK_DTYPE_Q4_2_V100:
        return RK_DTYPE_Q4_0;
    case RK_DTYPE_Q4_1:
    case RK_DTYPE_Q4_1_V100:
    case RK_DTYPE_Q4_1_O_V100:
    case RK_DTYPE_Q4_3_V100:
        return RK_DTYPE_Q4_1;
    case RK_DTYPE_Q5_0:
    case RK_DTYPE_Q5_0_V100:
        return RK_DTYPE_Q5_0;
    case RK_DTYPE_Q5_1:
    case RK_DTYPE_Q5_1_V100:
        return RK_DTYPE_Q5_1;
    case RK_DTYPE_Q8_0:
    case RK_DTYPE_Q8_0_V100:
        return RK_DTYPE_Q8_0;
    default:
        return RK_DTYPE_F32;
    }
}

// Rounding twice adds the errors up, so whoever wants that has to say so. Copies are no rounding.
static rk_status check_requantizing(const conversion *c, const rk__tensor_plan *tensor,
                                    rk_dtype dtype, rk_error *err) {
    const rk_tensor_info *info = rk__weights_info(&c->weights, tensor);
    const rk_dtype_info *stored = rk_dtype_describe(info->dtype);
    if (stored->class_ != RK_CLASS_BLOCK || c->options->allow_requantize ||
        rk__weights_stored_as(&c->weights, tensor, dtype)) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: %s is already quantized (%s); rounding it again to %s loses more than "
                    "from the original, and has to be allowed",
                    rk_checkpoint_path(c->weights.file), info->name, stored->name,
                    rk_dtype_describe(dtype)->name);
}

static rk_status choose_types(conversion *c, rk_error *err) {
    const rk__arch_plan *plan = &c->weights.plan;
    RK_TRY(rk__alloc((void **)&c->types, plan->n_tensors, sizeof c->types[0], err));
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        const rk_dtype stored = rk__weights_info(&c->weights, tensor)->dtype;
        const rk_dtype target = c->options->keep_dtype ? nearest_type(stored) : c->options->dtype;
        c->types[i] =
            rk__arch_type(tensor->row, tensor->columns, stored, target, c->weights.converted);
        RK_TRY(check_requantizing(c, tensor, c->types[i], err));
    }
    return RK_OK;
}

// The type that the header names: that of most values in matrices, when no type was asked for.
static rk_dtype header_type(const conversion *c) {
    if (!c->options->keep_dtype) return c->options->dtype;
    uint64_t values[RK_DTYPE_COUNT] = {0};
    for (size_t i = 0; i < c->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &c->weights.plan.tensors[i];
        if (tensor->row->role == RK__MATRIX) values[c->types[i]] += tensor->rows * tensor->columns;
    }
    rk_dtype most = RK_DTYPE_F32;
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        if (values[i] > values[most]) most = (rk_dtype)i;
    }
    return most;
}

static void free_workers(conversion *c) {
    for (size_t i = 0; c->workers != NULL && i < c->n_threads; i++) {
        rk__free(c->workers[i].values);
        rk__free(c->workers[i].before);
        rk__free(c->workers[i].rounded);
    }
    rk__free(c->workers);
}

static rk_status new_workers(conversion *c, size_t slab_floats, size_t columns, rk_error *err) {
    RK_TRY(rk__alloc((void **)&c->workers, c->n_threads, sizeof c->workers[0], err));
    for (size_t i = 0; i < c->n_threads; i++) {
        rk__convert_worker *worker = &c->workers[i];
        RK_TRY(rk__alloc_aligned((void **)&worker->values, slab_floats, sizeof(float), err));
        if (!c->job.measure) continue;
        RK_TRY(rk__alloc_aligned((void **)&worker->rounded, columns, sizeof(float), err));
        if (c->adapters.n_adapters == 0) continue;
        RK_TRY(rk__alloc_aligned((void **)&worker->before, slab_floats, sizeof(float), err));
    }
    return RK_OK;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

// Buffers for the largest tensor. Sizes do not exceed what the input's own size allows.
static rk_status new_buffers(conversion *c, rk_error *err) {
    size_t slab_floats = 0;
    size_t columns = 0;
    size_t batch_bytes = 0;
    for (size_t i = 0; i < c->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &c->weights.plan.tensors[i];
        size_t floats, bytes;
        if (!rk__convert_slab_floats(&floats, tensor) ||
            !rk__convert_batch_bytes(&bytes, tensor, c->types[i], c->n_threads)) {
            return rk__fail_memory(err, SIZE_MAX);
        }
        slab_floats = larger(slab_floats, floats);
        columns = larger(columns, tensor->columns);
        batch_bytes = larger(batch_bytes, bytes);
    }
    RK_TRY(new_workers(c, slab_floats, columns, err));
    return rk__alloc_aligned((void **)&c->job.batch, batch_bytes, 1, err);
}

static uint64_t input_bytes(const rk__weights *weights) {
    uint64_t total = 0;
    for (size_t i = 0; i < weights->plan.n_tensors; i++) {
        total += rk__convert_input_bytes(weights, &weights->plan.tensors[i]);
    }
    return total;
}

static rk_status prepare(conversion *c, const char *input, const char *output, rk_error *err) {
    RK_TRY(rk__weights_open(&c->weights, input, err));
    if (c->options->n_adapters > 0) {
        RK_TRY(rk__adapter_overlay_init(&c->adapters, &c->weights, c->options->adapters,
                                        c->options->n_adapters, err));
        c->weights.overlay = &c->adapters.overlay;
    }
    RK_TRY(choose_types(c, err));
    c->n_threads = rk_pool_threads(c->options->pool);
    c->job = (rk__convert_job){.weights = &c->weights,
                               .pool = c->options->pool,
                               .output_path = output,
                               .measure = c->options->report != NULL,
                               .progress = c->options->progress,
                               .total = input_bytes(&c->weights)};
    RK_TRY(new_buffers(c, err));
    c->job.workers = c->workers;
    return rk__output_open(&c->job.output, output, err);
}

static rk_status write_header(conversion *c, rk_error *err) {
    const rk_dims *dims = &c->weights.plan.dims;
    const rk__model_file_header header = {.version = RK__CONVERT_VERSION,
                                          .n_vocab = dims->n_vocab,
                                          .n_embd = dims->n_embd,
                                          .n_layer = dims->n_layer,
                                          .dtype = header_type(c)};
    return rk__model_file_begin(c->job.output, &header, err);
}

// Tensors of the plan that lie one behind the other in one record: the parts of a tensor that
// checkpoints may hold separately.
static size_t parts_of(const rk__tensor_plan *tensor) {
    return tensor->row->n_parts > 0 ? tensor->row->n_parts : 1;
}

static rk_status write_part(conversion *c, const rk__tensor_plan *tensor, rk_convert_tensor *report,
                            rk_error *err) {
    if (c->adapters.n_adapters > 0) {
        const size_t source = tensor->source;
        report->lora_rank += rk__adapter_overlay_rank(&c->adapters, source);
        report->replaced |= rk__adapter_overlay_replaces(&c->adapters, source);
        RK_TRY(rk__adapter_overlay_select(&c->adapters, source, err));
    }
    return rk__convert_write_rows(&c->job, tensor, report->to, report, err);
}

// Turns the sums of a complete record into root mean squares.
static void finish_report(rk_convert_tensor *report) {
    size_t n_values;
    (void)rk_shape_elements(&n_values, &report->shape);
    report->rms_value = sqrt(report->rms_value / (double)n_values);
    report->rms_error = sqrt(report->rms_error / (double)n_values);
    report->rms_change = sqrt(report->rms_change / (double)n_values);
}

// A tuned initial state belongs to a sequence, not to the model.
static bool is_left_out(const conversion *c, const rk__tensor_plan *tensor) {
    return tensor->row->role == RK__STATE && !c->options->keep_state;
}

// Writes the record that begins with tensor i of the plan.
static rk_status write_record(conversion *c, size_t i, rk_error *err) {
    const rk__tensor_plan *tensor = &c->weights.plan.tensors[i];
    char name[RK__NAME_TEXT];
    const rk_tensor_info record = {.name = rk__arch_name(name, tensor->row, true, tensor->layer),
                                   .dtype = c->types[i],
                                   .shape = rk__arch_file_shape(&c->weights.plan, tensor)};
    rk_convert_tensor report = {.name = record.name,
                                .shape = record.shape,
                                .from = rk__weights_info(&c->weights, tensor)->dtype,
                                .to = record.dtype};
    assert(i + parts_of(tensor) <= c->weights.plan.n_tensors); // the plan keeps parts together
    RK_TRY(rk__model_file_begin_tensor(c->job.output, &record, RK__CONVERT_VERSION, err));
    for (size_t k = 0; k < parts_of(tensor); k++) RK_TRY(write_part(c, tensor + k, &report, err));
    finish_report(&report);
    if (c->options->report != NULL) c->options->report(c->options->report_user, &report);
    c->n_records++;
    return RK_OK;
}

static rk_convert_result summarize(const conversion *c) {
    const rk__arch_plan *plan = &c->weights.plan;
    rk_convert_result result = {.n_tensors = c->n_records,
                                .input_bytes = c->job.total,
                                .output_bytes = rk__output_size(c->job.output)};
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        if (is_left_out(c, tensor)) {
            result.n_states_left_out++;
        } else {
            result.n_parameters += tensor->rows * tensor->columns;
        }
    }
    result.n_unused = plan->n_unused;
    result.bits_per_weight = 8.0 * (double)result.output_bytes / (double)result.n_parameters;
    return result;
}

rk_status rk_convert(const char *input, const char *output, const rk_convert_options *options,
                     rk_convert_result *result, rk_error *err) {
    RK_TRY(check_arguments(input, output, options, err));
    conversion c = {.options = options};
    rk_convert_result summary;
    rk_status status = prepare(&c, input, output, err);
    if (status != RK_OK) goto out;
    status = write_header(&c, err);
    const rk__arch_plan *plan = &c.weights.plan;
    for (size_t i = 0; status == RK_OK && i < plan->n_tensors; i += parts_of(&plan->tensors[i])) {
        if (is_left_out(&c, &plan->tensors[i])) continue;
        status = write_record(&c, i, err);
    }
    if (status != RK_OK) goto out;
    summary = summarize(&c);
    status = rk__output_commit(&c.job.output, !options->no_sync, err);
    if (status == RK_OK && result != NULL) *result = summary;
out:
    rk__output_abort(&c.job.output);
    rk__free(c.job.batch);
    free_workers(&c);
    rk__free(c.types);
    rk__adapter_overlay_fini(&c.adapters);
    rk__weights_close(&c.weights);
    return status;
}
