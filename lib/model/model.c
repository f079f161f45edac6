// Opens a model: its weights checked, its layers placed on stages.
#include "model/model_internal.h"

#include <string.h>

#include "base/memory.h"
#include "model/observe.h"
#include "model/placing.h"

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
    status = rk__model_open_stages(model, strategy, options, err);
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
