// Measuring models: the loss over a text, as one stream.
#ifndef RK_EVAL_H
#define RK_EVAL_H

#include "rk/model.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_loss {
    uint64_t n_tokens;     // tokens scored
    double mean;           // nats per token
    double standard_error; // of the mean: sqrt(variance / n_tokens), taking losses as independent;
                           // 0 for a single token, whose variance nobody knows
    double perplexity;     // exp(mean)
    double perplexity_error; // perplexity * standard_error
} rk_loss;

// The loss of tokens[1 .. n) given all before them, as one stream from the empty state: tokens[0]
// is not scored. Needs at least two tokens (ERR_ARGUMENT), all of them in the vocabulary
// (ERR_RANGE). A logit that is NaN or infinite ends it with ERR_RANGE naming the position. progress
// may be NULL; it counts tokens. Sequence 0 of `state` is cleared first and holds the end of the
// text afterwards. *loss is set on success.
rk_status rk_eval_stream(rk_context *context, rk_state *state, const uint32_t *tokens,
                         size_t n_tokens, const rk_progress *progress, rk_loss *loss,
                         rk_error *err);

// -log softmax(logits)[target], in double precision; target < n_vocab. NaN when a logit is NaN or
// +infinity.
double rk_token_loss(const float *logits, size_t n_vocab, uint32_t target);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
