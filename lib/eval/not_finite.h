// Where in a model infinities and NaNs begin.
#ifndef RK_EVAL_NOT_FINITE_H
#define RK_EVAL_NOT_FINITE_H

#include "rk/model.h"

enum { RK__NOT_FINITE_TEXT = 96 };

// Feeds the tokens again, to sequence `sequence` of the state, and writes into `text` what the
// first part of the model is whose output is not finite after them: "the embedding", "layer 3's
// time mixing", "the head". Empty when it cannot be found out.
void rk__find_not_finite_layer(rk_context *context, rk_state *state, size_t sequence,
                               const uint32_t *tokens, size_t n_tokens,
                               char text[RK__NOT_FINITE_TEXT]);

#endif
