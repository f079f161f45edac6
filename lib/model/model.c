// Opens a model: its weights checked, its layers placed on stages.
#include "model/model_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/observe.h"

// The devices that strategies can name.
static const rk__stage_ops *ops_of(rk__device device) {
    switch (device) {
    case RK__DEVICE_CPU:
        break;
    }
    return &rk__cpu_stage_ops;
}

static uint64_t total_weight_bytes(const rk__weights *weights) {
    uint64_t total = 0;
    for (size_t i = 0; i < weights->plan.n_tensors; i++) {
        total += rk__weights_source_bytes(weights, &weights->plan.tensors[i]);
    }
    return total;
}

// Training normalises y / 8 with eps 1e-5; that is y with 8 * 8 * 1e-5.
static float group_norm_eps(const rk_model *model, const rk_model_options *options) {
    const bool chosen = model->info.arch == RK_ARCH_RWKV5 && options->rwkv5_group_norm_eps > 0.0F;
    return chosen ? options->rwkv5_group_norm_eps : 64e-5F;
}

// So far a strategy is one stage that holds the whole model.
static rk_status open_stages(rk_model *model, const rk__strategy *strategy,
                             const rk_model_options *options, rk_error *err) {
    assert(strategy->n_parts == 1);
    for (size_t i = 0; i < strategy->n_parts; i++) {
        const rk__strategy_part *part = &strategy->parts[i];
        rk__stage_part stage = {.first_layer = 0,
                                .n_layers = model->info.dims.n_layer,
                                .has_embedding = true,
                                .has_head = true,
                                .keep_types = part->keep_types,
                                .dtype = part->dtype,
                                .group_norm_eps = group_norm_eps(model, options),
                                .pool = options->pool,
                                .progress = options->progress,
                                .total = total_weight_bytes(&model->weights)};
        rk__model_stage *s = &model->stages[i];
        s->ops = ops_of(part->device);
        s->first_layer = stage.first_layer;
        RK_TRY(s->ops->open(&s->stage, &model->weights, &stage, err));
        model->n_stages++;
    }
    return RK_OK;
}

static void describe(rk_model *model) {
    const rk__arch_plan *plan = &model->weights.plan;
    rk_model_info *info = &model->info;
    info->path = model->path;
    info->arch = plan->arch->id;
    info->arch_name = plan->name;
    info->dims = plan->dims;
    info->state_floats = plan->dims.n_layer * rk__model_layer_state_floats(model);
    for (size_t i = 0; i < plan->n_tensors; i++) {
        info->n_parameters += (uint64_t)plan->tensors[i].rows * plan->tensors[i].columns;
    }
}

// What the stages have made of the weights.
static void describe_stages(rk_model *model) {
    rk_model_info *info = &model->info;
    for (size_t i = 0; i < model->n_stages; i++) {
        const rk__model_stage *s = &model->stages[i];
        info->weight_bytes += s->ops->weight_bytes(s->stage);
        info->embedding_bytes += s->ops->embedding_bytes(s->stage);
    }
    info->dtype = model->stages[0].ops->main_dtype(model->stages[0].stage);
    (void)snprintf(model->strategy, sizeof model->strategy, "%s %s", model->stages[0].ops->device,
                   rk_dtype_describe(info->dtype)->name);
    info->strategy = model->strategy;
}

static rk_status parse_strategy(rk__strategy *strategy, const rk_model_options *options,
                                rk_error *err) {
    return rk__strategy_parse(strategy, options->strategy == NULL ? "cpu" : options->strategy, err);
}

// The model in `file`, which it takes, also on failure.
static rk_status open_model(rk_model **out, const char *path, rk_checkpoint *file,
                            const rk__strategy *strategy, const rk_model_options *options,
                            rk_error *err) {
    rk_model *model = NULL;
    rk_status status = rk__alloc((void **)&model, 1, sizeof *model, err);
    if (status != RK_OK) goto out;
    atomic_init(&model->holders, 1);
    status = rk__copy_string(&model->path, path, strlen(path), err);
    if (status != RK_OK) goto out;
    status = rk__weights_adopt(&model->weights, file, err);
    file = NULL;
    if (status != RK_OK) goto out;
    model->weights.searches = true; // the same as rk_convert does by itself
    describe(model);
    status = open_stages(model, strategy, options, err);
    if (status == RK_OK) describe_stages(model);
out:
    rk_checkpoint_close(&file);
    if (status != RK_OK) rk_model_close(&model);
    *out = model;
    return status;
}

static const rk_model_options default_options = {0};

rk_status rk_model_open(rk_model **out, const char *path, const rk_model_options *options,
                        rk_error *err) {
    rk__strategy strategy;
    rk_checkpoint *file;
    *out = NULL;
    if (options == NULL) options = &default_options;
    RK_TRY(parse_strategy(&strategy, options, err));
    RK_TRY(rk_checkpoint_open(&file, path, err));
    return open_model(out, path, file, &strategy, options, err);
}

rk_status rk__model_open_source(rk_model **out, const char *path, const rk__file_source *source,
                                const rk_model_options *options, rk_error *err) {
    rk__strategy strategy;
    rk_checkpoint *file;
    *out = NULL;
    if (options == NULL) options = &default_options;
    RK_TRY(parse_strategy(&strategy, options, err));
    RK_TRY(rk__checkpoint_open_source(&file, path, source, err));
    return open_model(out, path, file, &strategy, options, err);
}

rk_model *rk__model_hold(rk_model *model) {
    atomic_fetch_add(&model->holders, 1);
    return model;
}

void rk_model_close(rk_model **model) {
    rk_model *m = *model;
    *model = NULL;
    if (m == NULL || atomic_fetch_sub(&m->holders, 1) > 1) return;
    for (size_t i = 0; i < m->n_stages; i++) m->stages[i].ops->close(&m->stages[i].stage);
    rk__weights_close(&m->weights);
    rk__free(m->path);
    rk__free(m);
}

const rk_model_info *rk_model_describe(const rk_model *model) {
    return &model->info;
}

const rk__weights *rk__model_weights(const rk_model *model) {
    return &model->weights;
}

rk_status rk_model_read_dims(const char *path, rk_dims *dims, rk_error *err) {
    rk__weights weights;
    RK_TRY(rk__weights_open(&weights, path, err));
    *dims = weights.plan.dims;
    rk__weights_close(&weights);
    return RK_OK;
}

const char *rk_checkpoint_architecture(const rk_checkpoint *checkpoint) {
    const size_t n = rk_checkpoint_count(checkpoint);
    if (n == 0) return NULL;
    rk__arch_plan plan;
    const rk_tensor_info *tensors = rk_checkpoint_tensor(checkpoint, 0);
    const bool model_file = rk_container_is_model_file(rk_checkpoint_container(checkpoint));
    if (rk__arch_plan_init(&plan, "", tensors, n, model_file, NULL) != RK_OK) return NULL;
    const char *name = plan.name;
    rk__arch_plan_fini(&plan);
    return name;
}
