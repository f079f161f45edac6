// How the records of a whole-file job lie in its output.
#include "convert/convert_output.h"

#include "base/memory.h"
#include "checkpoint/model_file.h"
#include "checkpoint/safetensors.h"

// ---- types of checkpoints

static bool is_checkpoint_type(rk_dtype dtype) {
    return dtype == RK_DTYPE_F32 || dtype == RK_DTYPE_F16 || dtype == RK_DTYPE_BF16;
}

// The type that keeps what is stored: 16 bits hold what block formats know.
static rk_dtype kept_type(rk_dtype stored) {
    if (is_checkpoint_type(stored)) return stored;
    return rk_dtype_describe(stored)->class_ == RK_CLASS_BLOCK ? RK_DTYPE_F16 : RK_DTYPE_F32;
}

rk_status rk__checkpoint_types(const rk__weights *weights, const rk_convert_options *options,
                               rk_dtype **types, rk_error *err) {
    const rk__arch_plan *plan = &weights->plan;
    if (options->n_rules > 0) {
        return rk__fail(err, RK_ERR_ARGUMENT, "rules for types are those of model files");
    }
    if (!options->keep_dtype && !is_checkpoint_type(options->dtype)) {
        const bool known = (size_t)options->dtype < RK_DTYPE_COUNT;
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "safetensors files cannot hold %s; choose FP32, FP16 or BF16",
                        known ? rk_dtype_describe(options->dtype)->name : "this type");
    }
    RK_TRY(rk__alloc((void **)types, plan->n_tensors, sizeof **types, err));
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        const bool narrow = options->dtype != RK_DTYPE_F32;
        const bool keep = options->keep_dtype || (narrow && rk__arch_is_vector(tensor->row));
        const rk_dtype stored = rk__weights_info(weights, tensor)->dtype;
        (*types)[i] = keep ? kept_type(stored) : options->dtype;
    }
    return RK_OK;
}

// ---- checkpoints

static const rk__safetensors_note notes[] = {{"format", "pt"}};
enum { N_NOTES = sizeof notes / sizeof notes[0] };

// All records at once, as the header of a safetensors file needs them.
typedef struct record_list {
    rk__convert_record *records; // [count], owned
    rk_tensor_info *infos;       // [count], owned
    size_t count;
} record_list;

static void record_list_free(record_list *list) {
    rk__free(list->records);
    rk__free(list->infos);
}

static rk_status list_records(record_list *list, const rk__convert_plan *c, rk_error *err) {
    const size_t most = c->weights.plan.n_tensors;
    *list = (record_list){0};
    RK_TRY(rk__alloc((void **)&list->records, most, sizeof list->records[0], err));
    RK_TRY(rk__alloc((void **)&list->infos, most, sizeof list->infos[0], err));
    for (size_t at = 0; rk__convert_record_from(c, at, &list->records[list->count]);) {
        const rk__convert_record *record = &list->records[list->count];
        list->infos[list->count++] = record->info;
        at = record->first + record->n_parts;
        if (list->count == most) break;
    }
    return RK_OK;
}

static rk_status checkpoint_bytes(const rk__convert_plan *c, uint64_t *out, rk_error *err) {
    record_list list;
    rk_status status = list_records(&list, c, err);
    if (status != RK_OK) goto out;
    status = rk__safetensors_header_bytes(out, list.infos, list.count, notes, N_NOTES, err);
    for (size_t i = 0; status == RK_OK && i < list.count; i++) {
        size_t bytes;
        (void)rk_tensor_bytes(&bytes, &list.infos[i]); // checked with the header
        *out += bytes;
    }
out:
    record_list_free(&list);
    return status;
}

static rk_status begin_checkpoint(const rk__convert_plan *c, rk__output *output, rk_error *err) {
    record_list list;
    rk_status status = list_records(&list, c, err);
    if (status == RK_OK) {
        status = rk__safetensors_begin(output, list.infos, list.count, notes, N_NOTES, err);
    }
    record_list_free(&list);
    return status;
}

// ---- model files

static rk_status model_file_bytes(const rk__convert_plan *c, uint64_t *out, rk_error *err) {
    rk__convert_record record;
    *out = RK__MODEL_FILE_HEADER_BYTES;
    for (size_t at = 0; rk__convert_record_from(c, at, &record);) {
        uint64_t bytes;
        RK_TRY(rk__model_file_record_bytes(&bytes, &record.info, c->version, err));
        *out += bytes;
        at = record.first + record.n_parts;
    }
    return RK_OK;
}

static rk_status begin_model_file(const rk__convert_plan *c, rk__output *output, rk_error *err) {
    const rk_dims *dims = &c->weights.plan.dims;
    const rk__model_file_header header = {.version = c->version,
                                          .n_vocab = dims->n_vocab,
                                          .n_embd = dims->n_embd,
                                          .n_layer = dims->n_layer,
                                          .dtype = c->header_dtype};
    return rk__model_file_begin(output, &header, err);
}

// ---- either

static bool is_checkpoint(const rk__convert_plan *c) {
    return c->options->output == RK_OUTPUT_SAFETENSORS;
}

rk_status rk__convert_output_bytes(const rk__convert_plan *c, uint64_t *out, rk_error *err) {
    return is_checkpoint(c) ? checkpoint_bytes(c, out, err) : model_file_bytes(c, out, err);
}

rk_status rk__convert_begin_output(const rk__convert_plan *c, rk__output *output, rk_error *err) {
    return is_checkpoint(c) ? begin_checkpoint(c, output, err) : begin_model_file(c, output, err);
}

rk_status rk__convert_begin_record(const rk__convert_plan *c, rk__output *output,
                                   const rk__convert_record *record, rk_error *err) {
    if (is_checkpoint(c)) return RK_OK; // the header has told all of them
    return rk__model_file_begin_tensor(output, &record->info, c->version, err);
}
