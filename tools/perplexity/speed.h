// How many tokens a model takes in a second.
#ifndef SPEED_H
#define SPEED_H

#include "perplexity/bench.h"

// Prefill: SPEED_PREFILL_TOKENS tokens in one call, logits of the last. Decode: one token a call,
// with logits. Medians of several runs, of fewer where they take seconds. Ctrl-C gives
// ERR_CANCELLED.
enum { SPEED_PREFILL_TOKENS = 512, SPEED_DECODE_TOKENS = 64 };
rk_status speed_measure(const bench *b, double *prefill_per_s, double *decode_per_s, rk_error *err);

// Tokens to time with: any of the vocabulary, no two neighbours the same.
void speed_fill_tokens(uint32_t *tokens, size_t n, const rk_model *model);

#endif
