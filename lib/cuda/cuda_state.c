// The state of sequences, in its flat form in the device's memory.
#include "cuda/cuda_internal.h"

#include <cuda_runtime_api.h>
#include <string.h>

#include "base/memory.h"

rk_status rk__cuda_state_new(rk__stage_state **out, const rk__stage *stage, size_t n_sequences,
                             rk_error *err) {
    rk__stage_state *s = NULL;
    size_t bytes = 0;
    rk_status status = rk__alloc((void **)&s, 1, sizeof *s, err);
    if (status != RK_OK) goto out;
    s->stage = stage;
    s->n_sequences = n_sequences;
    s->sequence_floats = stage->n_layers * stage->layer_floats;
    s->pieces.device = stage->device;
    if (!rk_size_mul(&bytes, n_sequences, s->sequence_floats * sizeof(float))) {
        status = rk__fail_memory(err, SIZE_MAX);
        goto out;
    }
    status = rk__gpu_use(stage->device, err);
    if (status == RK_OK) {
        status = rk__gpu_take(&s->pieces, (void **)&s->data, bytes, "the state of sequences", err);
    }
    for (size_t i = 0; status == RK_OK && i < n_sequences; i++) {
        rk__cuda_state_clear(s, i);
        status = s->failed;
    }
    if (s->failed != RK_OK && err != NULL) *err = s->error;
out:
    if (status != RK_OK) rk__cuda_state_free(&s);
    *out = s;
    return status;
}

void rk__cuda_state_free(rk__stage_state **state) {
    rk__stage_state *s = *state;
    *state = NULL;
    if (s == NULL) return;
    (void)rk__gpu_use(s->stage->device, NULL);
    rk__gpu_release(&s->pieces);
    rk__free(s);
}

// A failure shows in the next call that can fail.
void rk__cuda_state_clear(rk__stage_state *state, size_t sequence) {
    rk_error error = {0};
    const rk_status status =
        rk__cuda_state_import(state, sequence, state->stage->empty_state, &error);
    if (status == RK_OK || state->failed != RK_OK) return;
    state->failed = status;
    state->error = error;
}

static rk_status copy(const rk__stage_state *state, void *to, const void *from,
                      enum cudaMemcpyKind kind, rk_error *err) {
    const rk__stage *stage = state->stage;
    if (state->failed != RK_OK) {
        if (err != NULL) *err = state->error;
        return state->failed;
    }
    if (state->sequence_floats == 0) return RK_OK;
    RK_TRY(rk__gpu_use(stage->device, err));
    const unsigned code = cudaMemcpy(to, from, state->sequence_floats * sizeof(float), kind);
    return rk__gpu_check(code, stage->device, "copying a state", err);
}

rk_status rk__cuda_state_export(const rk__stage_state *state, size_t sequence, float *flat,
                                rk_error *err) {
    return copy(state, flat, state->data + sequence * state->sequence_floats,
                cudaMemcpyDeviceToHost, err);
}

rk_status rk__cuda_state_import(rk__stage_state *state, size_t sequence, const float *flat,
                                rk_error *err) {
    return copy(state, state->data + sequence * state->sequence_floats, flat,
                cudaMemcpyHostToDevice, err);
}
