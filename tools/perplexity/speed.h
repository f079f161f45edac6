// How many tokens a model takes in a second.
#ifndef SPEED_H
#define SPEED_H

#include <stddef.h>
#include <stdint.h>

#include "rk/model.h"

typedef struct speed_job {
    const rk_model *model;
    rk_context *context;
    rk_state *state;
    const uint32_t *tokens; // [n_tokens], repeated as often as needed
    size_t n_tokens;
} speed_job;

// Prefill: SPEED_PREFILL_TOKENS tokens in one call, logits of the last. Decode: one token a call,
// with logits. Medians of several runs, of fewer where they take seconds. Ctrl-C gives
// ERR_CANCELLED.
enum { SPEED_PREFILL_TOKENS = 512, SPEED_DECODE_TOKENS = 64 };
rk_status measure_speed(const speed_job *job, double *prefill_per_s, double *decode_per_s,
                        rk_error *err);

#endif
