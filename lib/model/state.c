// The state of sequences: one part on every stage.
#include "base/memory.h"
#include "model/model_internal.h"

size_t rk__model_layer_state_floats(const rk_model *model) {
    const rk__arch_plan *plan = &model->weights.plan;
    return plan->arch->state_rows(&plan->dims) * plan->dims.n_embd;
}

rk_status rk_state_new(rk_state **out, rk_model *model, size_t n_sequences, rk_error *err) {
    rk_state *state = NULL;
    rk_status status = RK_OK;
    if (n_sequences == 0) {
        status = rk__fail(err, RK_ERR_ARGUMENT, "a state needs at least one sequence");
        goto out;
    }
    status = rk__alloc((void **)&state, 1, sizeof *state, err);
    if (status != RK_OK) goto out;
    state->model = rk__model_hold(model);
    state->n_sequences = n_sequences;
    for (size_t i = 0; i < model->n_stages; i++) {
        const rk__model_stage *s = &model->stages[i];
        status = s->ops->state_new(&state->parts[i], s->stage, n_sequences, err);
        if (status != RK_OK) goto out;
    }
out:
    if (status != RK_OK) rk_state_free(&state);
    *out = state;
    return status;
}

void rk_state_free(rk_state **state) {
    rk_state *s = *state;
    *state = NULL;
    if (s == NULL) return;
    for (size_t i = 0; i < s->model->n_stages; i++)
        s->model->stages[i].ops->state_free(&s->parts[i]);
    rk_model_close(&s->model);
    rk__free(s);
}

size_t rk_state_sequences(const rk_state *state) {
    return state->n_sequences;
}

const rk_model *rk_state_model(const rk_state *state) {
    return state->model;
}

static rk_status check_sequence(const rk_state *state, size_t sequence, rk_error *err) {
    if (sequence < state->n_sequences) return RK_OK;
    return rk__fail(err, RK_ERR_ARGUMENT, "sequence %zu of a state that has %zu", sequence,
                    state->n_sequences);
}

static rk_status check_length(const rk_state *state, size_t n_floats, rk_error *err) {
    const rk_model_info *info = &state->model->info;
    if (n_floats == info->state_floats) return RK_OK;
    return rk__fail(err, RK_ERR_SHAPE, "a state of %zu floats; those of %s have %zu", n_floats,
                    info->path, info->state_floats);
}

rk_status rk_state_clear(rk_state *state, size_t sequence, rk_error *err) {
    RK_TRY(check_sequence(state, sequence, err));
    for (size_t i = 0; i < state->model->n_stages; i++) {
        state->model->stages[i].ops->state_clear(state->parts[i], sequence);
    }
    return RK_OK;
}

rk_status rk_state_export(const rk_state *state, size_t sequence, float *flat, size_t n_floats,
                          rk_error *err) {
    RK_TRY(check_sequence(state, sequence, err));
    RK_TRY(check_length(state, n_floats, err));
    const rk_model *model = state->model;
    const size_t layer_floats = rk__model_layer_state_floats(model);
    for (size_t i = 0; i < model->n_stages; i++) {
        const rk__model_stage *s = &model->stages[i];
        RK_TRY(s->ops->state_export(state->parts[i], sequence, flat + s->first_layer * layer_floats,
                                    err));
    }
    return RK_OK;
}

rk_status rk_state_import(rk_state *state, size_t sequence, const float *flat, size_t n_floats,
                          rk_error *err) {
    RK_TRY(check_sequence(state, sequence, err));
    RK_TRY(check_length(state, n_floats, err));
    const rk_model *model = state->model;
    const size_t layer_floats = rk__model_layer_state_floats(model);
    for (size_t i = 0; i < model->n_stages; i++) {
        const rk__model_stage *s = &model->stages[i];
        RK_TRY(s->ops->state_import(state->parts[i], sequence, flat + s->first_layer * layer_floats,
                                    err));
    }
    return RK_OK;
}

rk_status rk_state_copy(rk_state *to, size_t to_sequence, const rk_state *from,
                        size_t from_sequence, rk_error *err) {
    RK_TRY(check_sequence(to, to_sequence, err));
    RK_TRY(check_sequence(from, from_sequence, err));
    if (to->model != from->model) {
        return rk__fail(err, RK_ERR_MISMATCH, "a state of %s cannot become one of %s",
                        from->model->info.path, to->model->info.path);
    }
    const size_t n_floats = to->model->info.state_floats;
    float *flat = NULL;
    RK_TRY(rk__alloc_aligned((void **)&flat, n_floats, sizeof flat[0], err));
    rk_status status = rk_state_export(from, from_sequence, flat, n_floats, err);
    if (status == RK_OK) status = rk_state_import(to, to_sequence, flat, n_floats, err);
    rk__free(flat);
    return status;
}
