// Snapshots: flat state, logits, and the sampler's memory.
#include "generate/snapshot.h"

#include <string.h>

#include "base/memory.h"

static rk_status reserve_floats(float **buffer, size_t *capacity, size_t n, rk_error *err) {
    void *grown = *buffer;
    const rk_status status = rk__grow(&grown, capacity, n, sizeof(float), err);
    *buffer = grown;
    return status;
}

static rk_status take_sampler(rk__snapshot *snapshot, const rk_sampler *sampler, rk_error *err) {
    const size_t n = rk_sampler_state_bytes(sampler);
    void *grown = snapshot->sampler;
    RK_TRY(rk__grow(&grown, &snapshot->sampler_capacity, n, 1, err));
    snapshot->sampler = grown;
    snapshot->n_sampler = n;
    return rk_sampler_export(sampler, snapshot->sampler, n, err);
}

rk_status rk__snapshot_take(rk__snapshot *snapshot, const rk_state *state, size_t sequence,
                            const float *logits, const rk_sampler *sampler, rk_error *err) {
    const rk_model_info *info = rk_model_describe(rk_state_model(state));
    snapshot->n_state = info->state_floats;
    snapshot->n_logits = logits ? info->dims.n_vocab : 0;
    RK_TRY(reserve_floats(&snapshot->state, &snapshot->state_capacity, snapshot->n_state, err));
    RK_TRY(reserve_floats(&snapshot->logits, &snapshot->logits_capacity, snapshot->n_logits, err));
    if (logits) memcpy(snapshot->logits, logits, snapshot->n_logits * sizeof logits[0]);
    RK_TRY(take_sampler(snapshot, sampler, err));
    return rk_state_export(state, sequence, snapshot->state, snapshot->n_state, err);
}

rk_status rk__snapshot_restore(const rk__snapshot *snapshot, rk_state *state, size_t sequence,
                               float *logits, bool *has_logits, rk_sampler *sampler,
                               rk_error *err) {
    const uint64_t seed = rk_sampler_seed(sampler), counter = rk_sampler_counter(sampler);
    const rk_status status =
        rk_sampler_import(sampler, snapshot->sampler, snapshot->n_sampler, err);
    // The settings may have changed since: another window counts from nothing.
    if (status == RK_ERR_MISMATCH) rk_sampler_reset(sampler);
    if (status != RK_OK && status != RK_ERR_MISMATCH) return status;
    rk_sampler_set_generator(sampler, seed, counter);
    *has_logits = snapshot->n_logits > 0;
    if (*has_logits) memcpy(logits, snapshot->logits, snapshot->n_logits * sizeof logits[0]);
    return rk_state_import(state, sequence, snapshot->state, snapshot->n_state, err);
}

size_t rk__snapshot_bytes(const rk__snapshot *snapshot) {
    return (snapshot->state_capacity + snapshot->logits_capacity) * sizeof(float) +
           snapshot->sampler_capacity;
}

void rk__snapshot_fini(rk__snapshot *snapshot) {
    rk__free(snapshot->state);
    rk__free(snapshot->logits);
    rk__free(snapshot->sampler);
    *snapshot = (rk__snapshot){0};
}
