// Adapter files: opening them, and what they come to.
#include "convert/adapter.h"

#include <math.h>

#include "base/memory.h"
#include "convert/adapter_about.h"
#include "convert/adapter_match.h"
#include "convert/adapter_values.h"

const char *rk_merge_kind_name(rk_merge_kind kind) {
    switch (kind) {
    case RK_MERGE_REPLACEMENT:
        return "replacement";
    case RK_MERGE_LORA:
        return "LoRA";
    case RK_MERGE_PISSA:
        return "PiSSA";
    case RK_MERGE_MISS:
        return "MiSS";
    case RK_MERGE_BONE:
        return "Bone";
    }
    return "unknown";
}

// ---- opening

static rk_status check_description(const rk_adapter *description, rk_error *err) {
    if (description->path == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "an adapter without a path");
    }
    if (isinf(description->alpha)) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: alpha is %g, expected a finite number",
                        description->path, description->alpha);
    }
    if (!isfinite(description->scale)) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: the scale is %g, expected a finite number",
                        description->path, description->scale);
    }
    return RK_OK;
}

static rk_status open_files(rk__adapter *adapter, const rk_adapter *description, rk_error *err) {
    RK_TRY(rk_checkpoint_open(&adapter->file, description->path, err));
    if (description->init == NULL) return RK_OK;
    return rk_checkpoint_open(&adapter->init, description->init, err);
}

// What begins with the first change of a kind; NULL when there is none.
static const rk_tensor_info *first_of(const rk__adapter *adapter, const rk__weights *model,
                                      rk__adapter_key key, size_t *count) {
    const rk_tensor_info *first = NULL;
    *count = 0;
    for (size_t i = 0; i < model->plan.n_tensors; i++) {
        const size_t index = adapter->changes[i].of[key];
        if (index == RK__NO_TENSOR) continue;
        if (first == NULL) first = rk_checkpoint_tensor(adapter->file, index);
        ++*count;
    }
    return first;
}

// The alpha that counts, and whether what the file says of itself is so.
static rk_status settle_alpha(rk__adapter *adapter, const rk_adapter *description,
                              const rk__weights *model, rk_error *err) {
    rk__adapter_about about;
    size_t n_pairs;
    const rk_tensor_info *pair = first_of(adapter, model, RK__KEY_A, &n_pairs);
    adapter->alpha = 0.0;
    if (pair == NULL || adapter->init != NULL) return RK_OK; // nobody asks for it
    RK_TRY(rk__adapter_about_read(&about, adapter->file, err));
    adapter->root_scaled = about.root_scaled;
    adapter->alpha = isnan(description->alpha) ? about.alpha : description->alpha;
    if (isnan(adapter->alpha)) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: does not say with which alpha it was trained, so that has to be given "
                        "(lora_merge --alpha)",
                        description->path);
    }
    const size_t rank = pair->shape.dims[0];
    if (about.rank != 0 && about.rank != rank) {
        return rk__fail(err, RK_ERR_MISMATCH, "%s: its metadata say rank %zu, and %s has rank %zu",
                        description->path, about.rank, pair->name, rank);
    }
    const double scale = adapter->alpha / (double)rank * adapter->scale;
    if (isfinite((float)scale)) return RK_OK;
    return rk__fail(err, RK_ERR_ARGUMENT, "%s: alpha %g and scale %g are too large for rank %zu",
                    description->path, adapter->alpha, adapter->scale, rank);
}

static rk_status refuse_replacements(const rk__adapter *adapter, const rk__weights *model,
                                     rk_error *err) {
    size_t count;
    const rk_tensor_info *first = first_of(adapter, model, RK__KEY_REPLACEMENT, &count);
    if (first == NULL) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: replaces %zu tensors (%s ...); what they were before is lost, so that "
                    "cannot be subtracted",
                    rk_checkpoint_path(adapter->file), count, first->name);
}

static rk_status match(rk__adapter *adapter, const rk_adapter *description,
                       const rk__weights *model, const rk_convert_options *options, rk_error *err) {
    rk__adapter_faults faults = {.path = description->path,
                                 .let_pass = options->allow_unused,
                                 .passed_over = options->passed_over,
                                 .user = options->report_user};
    const char *model_path = rk_checkpoint_path(model->file);
    RK_TRY(rk__adapter_match(adapter, model, &faults, err));
    RK_TRY(rk__adapter_faults_status(&faults, model_path, err));
    RK_TRY(settle_alpha(adapter, description, model, err));
    if (options->subtract) RK_TRY(refuse_replacements(adapter, model, err));
    RK_TRY(rk__adapter_check_values(adapter, model, &faults, err));
    RK_TRY(rk__adapter_faults_status(&faults, model_path, err));
    for (size_t i = 0; i < model->plan.n_tensors; i++) {
        if (rk__adapter_changes(adapter, i)) return RK_OK;
    }
    return rk__fail(err, RK_ERR_MISMATCH, "%s: changes nothing in %s", description->path,
                    model_path);
}

rk_status rk__adapter_open(rk__adapter *adapter, const rk_adapter *description,
                           const rk__weights *model, const rk_convert_options *options,
                           rk_error *err) {
    *adapter = (rk__adapter){.scale = description->scale};
    RK_TRY(check_description(description, err));
    rk_status status = open_files(adapter, description, err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&adapter->changes, model->plan.n_tensors,
                       sizeof adapter->changes[0], err);
    if (status != RK_OK) goto out;
    status = match(adapter, description, model, options, err);
out:
    if (status != RK_OK) rk__adapter_close(adapter);
    return status;
}

void rk__adapter_close(rk__adapter *adapter) {
    rk_checkpoint_close(&adapter->file);
    rk_checkpoint_close(&adapter->init);
    rk__free(adapter->changes);
    *adapter = (rk__adapter){0};
}

// ---- what it comes to

static bool has(const rk__adapter *adapter, size_t tensor, rk__adapter_key key) {
    return adapter->changes[tensor].of[key] != RK__NO_TENSOR;
}

bool rk__adapter_changes(const rk__adapter *adapter, size_t tensor) {
    return has(adapter, tensor, RK__KEY_REPLACEMENT) || has(adapter, tensor, RK__KEY_SHARDS) ||
           has(adapter, tensor, RK__KEY_A);
}

size_t rk__adapter_rank(const rk__adapter *adapter, size_t tensor) {
    const size_t a = adapter->changes[tensor].of[RK__KEY_A];
    return a == RK__NO_TENSOR ? 0 : rk_checkpoint_tensor(adapter->file, a)->shape.dims[0];
}

size_t rk__adapter_shard_size(const rk__adapter *adapter, size_t tensor) {
    const rk__adapter_change *change = &adapter->changes[tensor];
    const size_t shards = change->of[RK__KEY_SHARDS];
    if (shards == RK__NO_TENSOR) return 0;
    const rk_shape *shape = &rk_checkpoint_tensor(adapter->file, shards)->shape;
    const bool flat = shape->n_dims == 2 && change->layout == RK__SHARDS_BY_ROWS;
    return shape->dims[flat || shape->n_dims == 3 ? 1 : 0];
}

double rk__adapter_product_scale(const rk__adapter *adapter, size_t tensor) {
    const double rank = (double)rk__adapter_rank(adapter, tensor);
    if (adapter->init != NULL) return adapter->scale; // PiSSA's pairs are the weights themselves
    return adapter->alpha / (adapter->root_scaled ? sqrt(rank) : rank) * adapter->scale;
}

size_t rk__adapter_describe(const rk__adapter *adapter, size_t tensor, size_t number,
                            rk_merge_part parts[RK__ADAPTER_MAX_PARTS]) {
    size_t n = 0;
    if (has(adapter, tensor, RK__KEY_REPLACEMENT)) {
        parts[n++] = (rk_merge_part){number, RK_MERGE_REPLACEMENT, 0, adapter->scale};
    }
    if (has(adapter, tensor, RK__KEY_SHARDS)) {
        const bool added = adapter->changes[tensor].layout == RK__SHARDS_ADDED;
        parts[n++] = (rk_merge_part){number, added ? RK_MERGE_MISS : RK_MERGE_BONE,
                                     rk__adapter_shard_size(adapter, tensor), adapter->scale};
    }
    if (has(adapter, tensor, RK__KEY_A)) {
        parts[n++] = (rk_merge_part){number, adapter->init != NULL ? RK_MERGE_PISSA : RK_MERGE_LORA,
                                     rk__adapter_rank(adapter, tensor),
                                     rk__adapter_product_scale(adapter, tensor)};
    }
    return n;
}
