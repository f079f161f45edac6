// Tuned initial states: checkpoints with one `blocks.N.att.time_state` a layer.
#include <stdio.h>

#include "base/memory.h"
#include "model/model_internal.h"

// Reads [n_head][head_size][head_size] of one layer and puts it, transposed, behind the two rows of
// the token shifts.
static rk_status read_tuned_layer(rk_checkpoint *file, const rk_model *model, size_t layer,
                                  float *flat, rk_error *err) {
    const rk_dims *dims = &model->info.dims;
    const size_t n = dims->head_size;
    char name[RK__NAME_TEXT];
    (void)snprintf(name, sizeof name, "blocks.%zu.att.time_state", layer);
    size_t index = 0;
    if (!rk_checkpoint_find(file, name, &index)) {
        return rk__fail(err, RK_ERR_MISMATCH, "%s: no tensor %s; %s has %zu layers",
                        rk_checkpoint_path(file), name, model->info.path, dims->n_layer);
    }
    const rk_shape *shape = &rk_checkpoint_tensor(file, index)->shape;
    if (shape->n_dims != 3 || shape->dims[0] != dims->n_head || shape->dims[1] != n ||
        shape->dims[2] != n) {
        char text[RK_SHAPE_TEXT];
        return rk__fail(err, RK_ERR_SHAPE, "%s: %s is %s, expected [%zu, %zu, %zu]",
                        rk_checkpoint_path(file), name, rk_shape_format(text, shape), dims->n_head,
                        n, n);
    }
    float *heads = flat + layer * rk__model_layer_state_floats(model) + 2 * dims->n_embd;
    RK_TRY(rk_checkpoint_read_floats(file, index, 0, dims->n_head * n, heads, err));
    // Model files hold them as they are used.
    const bool model_file = rk_container_is_model_file(rk_checkpoint_container(file));
    if (!model_file) rk__transpose_squares(heads, dims->n_head * n * n, n);
    return RK_OK;
}

rk_status rk__load_tuned_state(rk_state *state, size_t sequence, const char *path, rk_error *err) {
    const rk_model *model = state->model;
    const size_t n = model->info.state_floats;
    rk_checkpoint *file = NULL;
    float *flat = NULL;
    rk_status status = rk_checkpoint_open(&file, path, err);
    if (status != RK_OK) goto out;
    if (model->info.dims.n_head == 0) {
        status = rk__fail(err, RK_ERR_UNSUPPORTED, "%s: %s has no matrix states to begin with",
                          path, model->info.arch_name);
        goto out;
    }
    status = rk__alloc((void **)&flat, n, sizeof flat[0], err); // zeros: as an empty state has them
    for (size_t layer = 0; status == RK_OK && layer < model->info.dims.n_layer; layer++) {
        status = read_tuned_layer(file, model, layer, flat, err);
    }
    if (status == RK_OK) status = rk__check_state_values(path, flat, n, err);
    if (status == RK_OK) status = rk_state_import(state, sequence, flat, n, err);
out:
    rk__free(flat);
    rk_checkpoint_close(&file);
    return status;
}
