// The loss of one text.
#include "base/error_internal.h"
#include "base/memory.h"
#include "eval/scorer_internal.h"

static rk_status check_arguments(const rk_context *context, const rk_state *state, size_t n_tokens,
                                 rk_error *err) {
    if (rk_state_model(state) != rk_context_model(context)) {
        return rk__fail(err, RK_ERR_MISMATCH, "a state of %s cannot be used with %s",
                        rk_model_describe(rk_state_model(state))->path,
                        rk_model_describe(rk_context_model(context))->path);
    }
    if (n_tokens >= 2) return RK_OK;
    return rk__fail(err, RK_ERR_ARGUMENT,
                    "a text of %zu tokens has no loss: it takes one to begin with and one to score",
                    n_tokens);
}

rk_status rk_eval_stream(rk_context *context, rk_state *state, const uint32_t *tokens,
                         size_t n_tokens, const rk_progress *progress, rk_loss *loss,
                         rk_error *err) {
    rk_scorer *scorer = NULL;
    rk_token_score *scores = NULL;
    const rk_passage passage = {.tokens = tokens, .n_tokens = n_tokens, .first_scored = 1};
    RK_TRY(check_arguments(context, state, n_tokens, err));
    rk_status status = rk__scorer_new_on(&scorer, context, state, NULL, err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&scores, n_tokens - 1, sizeof *scores, err);
    if (status != RK_OK) goto out;
    status = rk_scorer_run(scorer, &passage, 1, 0, progress, scores, err);
    if (status != RK_OK) goto out;
    // The scorer stops before the last token, which predicts nothing.
    status = rk_eval(context, state, tokens + n_tokens - 1, 1, RK_LOGITS_NONE, NULL, err);
    if (status != RK_OK) goto out;
    status = rk_summarize_losses(loss, scores, n_tokens - 1, NULL, err);
out:
    rk__free(scores);
    rk_scorer_free(&scorer);
    return status;
}
