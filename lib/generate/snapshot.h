// All that a session is at one moment, to go back to.
#ifndef RK_SNAPSHOT_H
#define RK_SNAPSHOT_H

#include "base/error_internal.h"
#include "rk/model.h"
#include "rk/sampler.h"

// All zeros is one that was never taken and has no memory yet.
typedef struct rk__snapshot {
    float *state;  // [n_state]
    float *logits; // [n_logits]; n_logits 0: they were not known
    size_t n_state, n_logits, state_capacity, logits_capacity;
    uint8_t *sampler; // [n_sampler], exported
    size_t n_sampler, sampler_capacity;
} rk__snapshot;

// logits [n_vocab], or NULL. Memory of an earlier snapshot is used again.
rk_status rk__snapshot_take(rk__snapshot *snapshot, const rk_state *state, size_t sequence,
                            const float *logits, const rk_sampler *sampler, rk_error *err);

// The sampler's generator goes on from where it is, so that what comes now is something else.
// *has_logits says whether logits were filled.
rk_status rk__snapshot_restore(const rk__snapshot *snapshot, rk_state *state, size_t sequence,
                               float *logits, bool *has_logits, rk_sampler *sampler, rk_error *err);

size_t rk__snapshot_bytes(const rk__snapshot *snapshot); // of memory

void rk__snapshot_fini(rk__snapshot *snapshot);

#endif
