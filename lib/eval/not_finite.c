// Where in a model infinities and NaNs begin. The state tells: of every layer it has the inputs of
// its time mixing and its channel mixing, and what time mixing remembers.
#include "eval/not_finite.h"

#include <stdio.h>

#include "base/memory.h"
#include "eval/softmax.h"

// Of a layer in the flat form of a state (docs/numerics.md).
enum { FFN_XX, ATT_XX };

static bool is_finite(const float *values, size_t n) {
    return rk__find_not_finite(values, n) == n;
}

// The first part that shows in the state; false when all of it is finite.
static bool find_in_state(const rk_model_info *info, const float *flat,
                          char text[RK__NOT_FINITE_TEXT]) {
    const size_t n_embd = info->dims.n_embd;
    const size_t n = info->state_floats / info->dims.n_layer;
    for (size_t layer = 0; layer < info->dims.n_layer; layer++, flat += n) {
        if (!is_finite(flat + ATT_XX * n_embd, n_embd)) {
            if (layer == 0) {
                (void)snprintf(text, RK__NOT_FINITE_TEXT, "the embedding");
            } else {
                (void)snprintf(text, RK__NOT_FINITE_TEXT, "layer %zu's channel mixing", layer - 1);
            }
            return true;
        }
        if (!is_finite(flat, n)) {
            (void)snprintf(text, RK__NOT_FINITE_TEXT, "layer %zu's time mixing", layer);
            return true;
        }
    }
    return false;
}

static void find_behind_state(const rk_model_info *info, const float *hidden,
                              char text[RK__NOT_FINITE_TEXT]) {
    if (is_finite(hidden, info->dims.n_embd)) {
        (void)snprintf(text, RK__NOT_FINITE_TEXT, "the head");
    } else {
        (void)snprintf(text, RK__NOT_FINITE_TEXT, "layer %zu's channel mixing",
                       info->dims.n_layer - 1);
    }
}

static rk_status feed_again(rk_context *context, rk_state *state, size_t sequence,
                            const uint32_t *tokens, size_t n_tokens, float *hidden) {
    const rk_sequence all = {.index = sequence,
                             .tokens = tokens,
                             .n_tokens = n_tokens,
                             .wanted = RK_LOGITS_LAST,
                             .hidden = hidden};
    RK_TRY(rk_state_clear(state, sequence, NULL));
    return rk_eval_batch(context, state, &all, 1, NULL);
}

void rk__find_not_finite_layer(rk_context *context, rk_state *state, size_t sequence,
                               const uint32_t *tokens, size_t n_tokens,
                               char text[RK__NOT_FINITE_TEXT]) {
    const rk_model_info *info = rk_model_describe(rk_context_model(context));
    float *flat = NULL, *hidden = NULL;
    text[0] = '\0';
    if (rk__alloc((void **)&flat, info->state_floats, sizeof *flat, NULL) == RK_OK &&
        rk__alloc((void **)&hidden, info->dims.n_embd, sizeof *hidden, NULL) == RK_OK &&
        feed_again(context, state, sequence, tokens, n_tokens, hidden) == RK_OK &&
        rk_state_export(state, sequence, flat, info->state_floats, NULL) == RK_OK &&
        !find_in_state(info, flat, text)) {
        find_behind_state(info, hidden, text);
    }
    rk__free(flat);
    rk__free(hidden);
}
