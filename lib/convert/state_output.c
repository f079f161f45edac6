// Tuned initial states out of a model's file.
#include "convert/state_output.h"

#include "base/memory.h"
#include "checkpoint/safetensors.h"

// The tensors of a state, in the order of the model's file.
typedef struct state_tensors {
    const rk__tensor_plan **plans; // [count]
    rk_tensor_info *infos;         // [count], as they are written
    char (*names)[RK__NAME_TEXT];  // [count]
    size_t count, most_values;
} state_tensors;

static void add(state_tensors *t, const rk__tensor_plan *plan, const rk_dims *dims) {
    const size_t i = t->count++;
    t->plans[i] = plan;
    t->infos[i] = (rk_tensor_info){
        .name = rk__arch_name(t->names[i], plan->row, RK__NAMES_CHECKPOINT, plan->layer),
        .dtype = RK_DTYPE_F32,
        .shape = {.n_dims = 3, .dims = {dims->n_head, dims->head_size, dims->head_size}}};
    if (plan->columns > t->most_values) t->most_values = plan->columns;
}

static rk_status find_states(state_tensors *t, const rk__weights *weights, rk_error *err) {
    const rk__arch_plan *plan = &weights->plan;
    const size_t most = plan->dims.n_layer;
    RK_TRY(rk__alloc((void **)&t->plans, most, sizeof(rk__tensor_plan *), err));
    RK_TRY(rk__alloc((void **)&t->infos, most, sizeof t->infos[0], err));
    RK_TRY(rk__alloc((void **)&t->names, most, sizeof t->names[0], err));
    for (size_t i = 0; i < plan->n_tensors; i++) {
        if (plan->tensors[i].row->role == RK__STATE) add(t, &plan->tensors[i], &plan->dims);
    }
    return RK_OK;
}

// Model files hold the heads as the state of a sequence does; checkpoints the other way round.
static rk_status write_states(rk__output *output, const state_tensors *t,
                              const rk__weights *weights, rk_error *err) {
    static const rk__safetensors_note notes[] = {{"format", "pt"}};
    const size_t n = weights->plan.dims.head_size;
    float *values = NULL;
    uint8_t *bytes = NULL;
    rk_status status = rk__safetensors_begin(output, t->infos, t->count, notes, 1, err);
    if (status != RK_OK) goto out;
    status = rk__alloc_aligned((void **)&values, t->most_values, sizeof values[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc_aligned((void **)&bytes, t->most_values, sizeof values[0], err);
    for (size_t i = 0; status == RK_OK && i < t->count; i++) {
        const size_t n_values = t->plans[i]->columns;
        status = rk__weights_read_floats(weights, t->plans[i], 0, 1, values, err);
        if (status != RK_OK) break;
        if (!weights->as_checkpoint) rk__transpose_squares(values, n_values, n);
        weights->rows.encode[RK_DTYPE_F32](bytes, values, n_values);
        status = rk__output_write(output, bytes, n_values * sizeof values[0], err);
    }
out:
    rk__free(values);
    rk__free(bytes);
    return status;
}

rk_status rk__write_tuned_state(rk__output *output, const rk__weights *weights, rk_error *err) {
    state_tensors t = {0};
    rk_status status = find_states(&t, weights, err);
    if (status == RK_OK) status = write_states(output, &t, weights, err);
    rk__free(t.plans);
    rk__free(t.infos);
    rk__free(t.names);
    return status;
}
