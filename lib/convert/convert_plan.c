// What becomes of the tensors of a whole-file job.
#include "convert/convert_plan.h"

#include <assert.h>
#include <stdio.h>

#include "base/memory.h"
#include "checkpoint/reading.h"
#include "convert/convert_output.h"
#include "convert/convert_search.h"
#include "convert/convert_tensor.h"

// ---- types

// Rounding twice adds the errors up, so whoever wants that has to say so. Copies are no rounding.
static rk_status check_requantizing(const rk__convert_plan *c, const rk__tensor_plan *tensor,
                                    rk_dtype dtype, rk_error *err) {
    const rk_tensor_info *info = rk__weights_info(&c->weights, tensor);
    const rk_dtype_info *stored = rk_dtype_describe(info->dtype);
    if (stored->class_ != RK_CLASS_BLOCK || c->options->allow_requantize ||
        rk__weights_stored_as(&c->weights, tensor, dtype) ||
        rk__weights_moves_to(&c->weights, tensor, dtype)) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: %s is already quantized (%s); rounding it again to %s loses more than "
                    "from the original, and has to be allowed (quantize --allow-requantize)",
                    rk_checkpoint_path(c->weights.file), info->name, stored->name,
                    rk_dtype_describe(dtype)->name);
}

static rk_status choose_types(rk__convert_plan *c, rk_error *err) {
    const rk__arch_plan *plan = &c->weights.plan;
    const rk_convert_options *options = c->options;
    if (options->output == RK_OUTPUT_SAFETENSORS) {
        return rk__checkpoint_types(&c->weights, options, &c->types, err);
    }
    const rk__type_request request = {.keep = options->keep_dtype,
                                      .target = c->dtype,
                                      .version = c->version,
                                      .mix = options->mix,
                                      .rules = options->rules,
                                      .n_rules = options->n_rules};
    RK_TRY(rk__weights_plan_types(&c->weights, &request, &c->types, err));
    for (size_t i = 0; i < plan->n_tensors; i++) {
        RK_TRY(check_requantizing(c, &plan->tensors[i], c->types[i], err));
    }
    return RK_OK;
}

// The type that the header names: that of most values in matrices. rwkv.cpp writes the target
// whatever comes of it.
static rk_dtype choose_header_dtype(const rk__convert_plan *c) {
    if (!c->options->keep_dtype && c->options->mix == RK_MIX_REFERENCE) return c->dtype;
    uint64_t values[RK_DTYPE_COUNT] = {0};
    for (size_t i = 0; i < c->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &c->weights.plan.tensors[i];
        if (tensor->row->role == RK__MATRIX) values[c->types[i]] += tensor->rows * tensor->columns;
    }
    rk_dtype most = c->options->keep_dtype ? RK_DTYPE_F32 : c->dtype;
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        if (values[i] > values[most]) most = (rk_dtype)i;
    }
    return most;
}

// ---- the version of the output

static bool is_old(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK && rk_dtype_version(dtype) == 100;
}

static rk_status choose_version(rk__convert_plan *c, rk_error *err) {
    const rk_convert_options *options = c->options;
    if (options->output == RK_OUTPUT_SAFETENSORS) {
        c->version = 0;
        c->dtype = options->dtype;
        return RK_OK;
    }
    const bool known = options->keep_dtype || (size_t)options->dtype < RK_DTYPE_COUNT;
    const bool old = known && !options->keep_dtype && is_old(options->dtype);
    c->version = options->version != 0 ? options->version : old ? 100 : 101;
    if (c->version != 100 && c->version != 101) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "there are no model files of version %u; choose 100 or 101", c->version);
    }
    if (options->keep_dtype) return RK_OK;
    if (known && rk_dtype_in_version(&c->dtype, options->dtype, c->version)) return RK_OK;
    const char *name = known ? rk_dtype_describe(options->dtype)->name : "this type";
    return rk__fail(err, RK_ERR_ARGUMENT,
                    "model files of version %u cannot hold %s; choose FP32, FP16, Q4_0, Q4_1, "
                    "Q5_0, Q5_1 or Q8_0",
                    c->version, name);
}

// Other versions have tensors of three dimensions, which these files do not.
static rk_status check_version(const rk__convert_plan *c, rk_error *err) {
    if (c->version != 100 || c->weights.plan.arch->id == RK_ARCH_RWKV4) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: %s; model files of version 100 hold RWKV-4 alone",
                    rk_checkpoint_path(c->weights.file), c->weights.plan.name);
}

// ---- opening

rk_status rk__convert_plan_open(rk__convert_plan *c, const char *input,
                                const rk_convert_options *options, rk_error *err) {
    *c = (rk__convert_plan){.options = options};
    rk_status status = choose_version(c, err);
    if (status != RK_OK) goto out;
    status = rk__weights_open_below(&c->weights, input, options->root, err);
    if (status != RK_OK) goto out;
    c->weights.moves_exactly = !options->allow_requantize;
    c->weights.searches = options->method == RK_METHOD_SEARCH;
    status = check_version(c, err);
    if (status != RK_OK) goto out;
    if (options->output == RK_OUTPUT_SAFETENSORS) rk__weights_read_as_checkpoint(&c->weights);
    if (options->n_adapters > 0) {
        status = rk__adapter_overlay_init(&c->adapters, &c->weights, options, err);
        if (status != RK_OK) goto out;
        c->weights.overlay = &c->adapters.overlay;
    }
    status = choose_types(c, err);
    if (status != RK_OK) goto out;
    c->header_dtype = choose_header_dtype(c);
out:
    if (status != RK_OK) rk__convert_plan_close(c);
    return status;
}

void rk__convert_plan_close(rk__convert_plan *c) {
    rk__free(c->types);
    rk__adapter_overlay_fini(&c->adapters);
    rk__weights_close(&c->weights);
    *c = (rk__convert_plan){0};
}

// ---- records

// A tuned initial state belongs to a sequence, not to the model; where a model file has one all the
// same, somebody wanted it there. Checkpoints have it among their tensors.
bool rk__convert_leaves_out(const rk__convert_plan *c, const rk__tensor_plan *tensor) {
    const rk_convert_options *options = c->options;
    const bool stays = options->keep_state || options->output == RK_OUTPUT_SAFETENSORS ||
                       (c->weights.converted && options->state_output == NULL);
    return tensor->row->role == RK__STATE && !stays;
}

bool rk__convert_record_from(const rk__convert_plan *c, size_t at, rk__convert_record *record) {
    const rk__arch_plan *plan = &c->weights.plan;
    while (at < plan->n_tensors && rk__convert_leaves_out(c, &plan->tensors[at])) at++;
    if (at == plan->n_tensors) return false;
    const rk__tensor_plan *tensor = &plan->tensors[at];
    const bool checkpoint = c->options->output == RK_OUTPUT_SAFETENSORS;
    const rk__naming naming = checkpoint ? RK__NAMES_CHECKPOINT : RK__NAMES_MODEL_FILE;
    record->first = at;
    record->n_parts = rk__arch_is_joined(tensor->row, naming) ? tensor->row->n_parts : 1;
    record->info =
        (rk_tensor_info){.name = rk__arch_name(record->name, tensor->row, naming, tensor->layer),
                         .dtype = c->types[at],
                         .shape = rk__arch_shape(plan, tensor, naming)};
    assert(at + record->n_parts <= plan->n_tensors); // the plan keeps parts together
    return true;
}

void rk__convert_report_left_out(const rk__convert_plan *c) {
    if (c->options->left_out == NULL) return;
    void *user = c->options->report_user;
    const rk__arch_plan *plan = &c->weights.plan;
    for (size_t i = 0; i < plan->n_unused; i++) {
        c->options->left_out(user, rk_checkpoint_tensor(c->weights.file, plan->unused[i])->name,
                             RK_LEFT_OUT_UNUSED);
    }
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        if (!rk__convert_leaves_out(c, tensor)) continue;
        c->options->left_out(user, rk__weights_info(&c->weights, tensor)->name, RK_LEFT_OUT_STATE);
    }
}

// ---- what adapters do

enum { MOST_PARTS = 6 }; // of a record

size_t rk__convert_max_steps(const rk__convert_plan *c) {
    return MOST_PARTS * RK__ADAPTER_MAX_PARTS * c->adapters.n_adapters;
}

static bool is_same_step(const rk_merge_part *a, const rk_merge_part *b) {
    return a->adapter == b->adapter && a->kind == b->kind && a->rank == b->rank &&
           a->scale == b->scale;
}

// Drops those of n steps that repeat one of the first `known`; returns how many are left in all.
static size_t drop_repeated(rk_merge_part *steps, size_t known, size_t n) {
    size_t count = known;
    for (size_t i = known; i < known + n; i++) {
        bool repeated = false;
        for (size_t k = 0; k < known; k++) repeated |= is_same_step(&steps[k], &steps[i]);
        if (!repeated) steps[count++] = steps[i];
    }
    return count;
}

size_t rk__convert_steps(const rk__convert_plan *c, const rk__convert_record *record,
                         rk_merge_part *steps) {
    size_t count = 0;
    assert(record->n_parts <= MOST_PARTS);
    for (size_t i = 0; i < record->n_parts; i++) {
        const size_t tensor = record->first + i;
        const size_t n = rk__adapter_overlay_describe(&c->adapters, tensor, steps + count);
        count = drop_repeated(steps, count, n);
    }
    return count;
}

// A matrix that the mix would have reached, had its rows been a multiple of the block.
static bool is_unfit(const rk__convert_plan *c, size_t index) {
    const rk__tensor_plan *tensor = &c->weights.plan.tensors[index];
    const bool reached = tensor->row->role == RK__MATRIX ||
                         (c->options->mix == RK_MIX_PURE && !rk__arch_is_vector(tensor->row));
    return reached && !c->options->keep_dtype && !rk__type_fits(c->dtype, tensor->columns) &&
           rk_dtype_describe(c->types[index])->class_ == RK_CLASS_FLOAT;
}

static void count_tensors(const rk__convert_plan *c, rk_convert_result *result) {
    const rk__arch_plan *plan = &c->weights.plan;
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        result->input_bytes += rk__weights_source_bytes(&c->weights, tensor);
        if (tensor->row->role == RK__STATE && c->options->state_output != NULL) {
            result->n_states_written++;
        }
        if (rk__convert_leaves_out(c, tensor)) {
            result->n_states_left_out++;
        } else {
            result->n_parameters += tensor->rows * tensor->columns;
        }
        result->n_unfit += is_unfit(c, i);
    }
    result->n_unused = plan->n_unused;
}

static bool is_block(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
}

static void count_merged(const rk__convert_plan *c, const rk__convert_record *record,
                         rk_convert_result *result) {
    const rk__tensor_plan *tensor = &c->weights.plan.tensors[record->first];
    bool merged = false;
    for (size_t i = 0; i < record->n_parts; i++) {
        merged |= rk__weights_is_touched(&c->weights, &tensor[i]);
    }
    result->n_merged += merged;
    result->n_requantized += merged && is_block(rk__weights_info(&c->weights, tensor)->dtype) &&
                             is_block(record->info.dtype);
}

static void count_records(const rk__convert_plan *c, rk_convert_result *result) {
    rk__convert_record record;
    for (size_t at = 0; rk__convert_record_from(c, at, &record);) {
        result->n_tensors++;
        count_merged(c, &record, result);
        at = record.first + record.n_parts;
    }
}

// ---- memory

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

rk_status rk__convert_size_buffers(const rk__convert_plan *c, rk__convert_buffers *out,
                                   rk_error *err) {
    *out = (rk__convert_buffers){.n_threads = rk_pool_threads(c->options->pool)};
    out->n_slots = rk__convert_slots(out->n_threads);
    for (size_t i = 0; i < c->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &c->weights.plan.tensors[i];
        size_t floats, bytes, all;
        if (!rk__convert_slab_floats(&floats, tensor) ||
            !rk__convert_slab_bytes(&bytes, tensor, c->types[i]) ||
            !rk_size_mul(&all, bytes, out->n_slots)) {
            return rk__fail_memory(err, SIZE_MAX);
        }
        out->slab_floats = larger(out->slab_floats, floats);
        out->columns = larger(out->columns, tensor->columns);
        out->slot_bytes = larger(out->slot_bytes, bytes);
    }
    out->search_floats = rk__convert_search_scratch(c);
    return RK_OK;
}

// What reading takes for a while beside those, at most.
static size_t reading_bytes(const rk__convert_plan *c, size_t n_threads) {
    size_t most = 0;
    for (size_t i = 0; i < c->weights.plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &c->weights.plan.tensors[i];
        const size_t n_rows = rk__convert_slab_rows(tensor);
        const size_t n_slabs = (tensor->rows + n_rows - 1) / n_rows;
        const rk__reading_bytes bytes = rk__weights_reading_bytes(&c->weights, tensor, n_rows);
        const size_t at_once = n_slabs < n_threads ? n_slabs : n_threads;
        most = larger(most, bytes.shared + at_once * bytes.each);
    }
    return most;
}

// What adapters take for one tensor at a time.
static size_t merging_bytes(const rk__convert_plan *c, size_t n_threads) {
    size_t most = 0;
    for (size_t i = 0; c->adapters.n_adapters > 0 && i < c->weights.plan.n_tensors; i++) {
        const size_t n_rows = rk__convert_slab_rows(&c->weights.plan.tensors[i]);
        most = larger(most, rk__adapter_overlay_bytes(&c->adapters, i, n_rows, n_threads));
    }
    return most;
}

static uint64_t count_memory(const rk__convert_plan *c, const rk__convert_buffers *b) {
    const bool measure = c->options->report != NULL;
    const uint64_t copies = c->adapters.n_adapters > 0 ? 2 : 1;
    const uint64_t worker =
        sizeof(float) * (copies * b->slab_floats + b->search_floats + (measure ? b->columns : 0));
    return b->n_threads * worker + (uint64_t)b->n_slots * b->slot_bytes + RK__OUTPUT_BUFFER +
           reading_bytes(c, b->n_threads) + merging_bytes(c, b->n_threads) +
           rk__convert_search_bytes(c);
}

rk_status rk__convert_describe(const rk__convert_plan *c, rk_convert_result *result,
                               rk_error *err) {
    rk__convert_buffers buffers;
    *result = (rk_convert_result){.arch_name = c->weights.plan.name,
                                  .version = c->version,
                                  .dims = c->weights.plan.dims,
                                  .container = rk_checkpoint_container(c->weights.file)};
    (void)snprintf(result->root, sizeof result->root, "%s", rk_checkpoint_root(c->weights.file));
    count_tensors(c, result);
    if (c->options->state_output != NULL && result->n_states_written == 0) {
        return rk__fail(err, RK_ERR_NOT_FOUND,
                        "%s: holds no tuned initial state (blocks.N.att.time_state)",
                        rk_checkpoint_path(c->weights.file));
    }
    RK_TRY(rk__convert_check_imatrix(c, &result->n_unweighted, err));
    count_records(c, result);
    RK_TRY(rk__convert_output_bytes(c, &result->output_bytes, err));
    RK_TRY(rk__convert_size_buffers(c, &buffers, err));
    result->peak_memory = count_memory(c, &buffers);
    result->bits_per_weight = 8.0 * (double)result->output_bytes / (double)result->n_parameters;
    return RK_OK;
}
