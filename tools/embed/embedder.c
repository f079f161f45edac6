// From text to embedding.
#include "embed/embedder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/workers.h"

enum { PIECE = 512 }; // tokens between two looks at the user

static rk_status open_parts(embedder *e, rk_error *err) {
    const rk_model_info *info = rk_model_describe(e->model);
    const rk_context_options options = {.pool = e->pool};
    rk_status status = rk_context_new(&e->context, e->model, &options, err);
    if (status == RK_OK) status = rk_state_new(&e->state, e->model, 1, err);
    if (status == RK_OK)
        status = rk_tokenizer_find(&e->tokenizer, info->dims.n_vocab, info->path, NULL, err);
    if (status == RK_OK)
        status = rk_state_vectors_length(&e->length, e->model, e->vectors.count, err);
    return status;
}

bool embedder_open(embedder *e, const char *model, const vector_list *vectors,
                   const cli_common *common) {
    *e = (embedder){.vectors = *vectors, .pool = cli_workers_new(common)};
    if (e->pool == NULL) return false;
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, common->quiet);
    const rk_model_options options = {.pool = e->pool, .progress = cli_progress_hook(&progress)};
    rk_error err;
    const rk_status status = rk_model_open(&e->model, model, &options, &err);
    cli_progress_end(&progress);
    if (status != RK_OK) {
        cli_failure(&err);
        return false;
    }
    if (open_parts(e, &err) != RK_OK) {
        cli_failure_of(model, &err);
        return false;
    }
    e->embedding = cli_allocate(e->length, sizeof *e->embedding);
    return true;
}

void embedder_close(embedder *e) {
    free(e->embedding);
    e->embedding = NULL;
    rk_tokenizer_close(&e->tokenizer);
    rk_state_free(&e->state);
    rk_context_free(&e->context);
    rk_model_close(&e->model);
    rk_pool_free(&e->pool);
}

// A vector that is no number would be passed on silently to whatever is trained on it.
static rk_status check_finite(const embedder *e, rk_error *err) {
    for (size_t i = 0; i < e->length; i++) {
        if (isfinite(e->embedding[i])) continue;
        err->code = RK_ERR_RANGE;
        snprintf(err->message, sizeof err->message, "value %zu of the embedding is %g", i,
                 (double)e->embedding[i]);
        return err->code;
    }
    return RK_OK;
}

// Feeds the tokens to the model in pieces, so that a long text can be watched and stopped.
static rk_status read_tokens(embedder *e, const uint32_t *tokens, size_t n_tokens, size_t length,
                             const rk_progress *progress, rk_error *err) {
    for (size_t first = 0; first < n_tokens; first += PIECE) {
        const size_t n = n_tokens - first < PIECE ? n_tokens - first : PIECE;
        const rk_status status =
            rk_eval(e->context, e->state, tokens + first, n, RK_LOGITS_NONE, NULL, err);
        if (status != RK_OK) return status;
        const double share = (double)(first + n) / (double)n_tokens;
        if (!progress->report(progress->user, (uint64_t)(share * (double)length), length)) {
            return err->code = RK_ERR_CANCELLED;
        }
    }
    return RK_OK;
}

rk_status embedder_run(embedder *e, const char *text, size_t length, const rk_progress *progress,
                       rk_error *err) {
    uint32_t *tokens = NULL;
    size_t n_tokens = 0;
    rk_status status = rk_tokenizer_encode(e->tokenizer, text, length, &tokens, &n_tokens, err);
    if (status == RK_OK) status = rk_state_clear(e->state, 0, err);
    if (status == RK_OK) status = read_tokens(e, tokens, n_tokens, length, progress, err);
    rk_tokens_free(&tokens);
    if (status != RK_OK) return status;
    status = rk_state_vectors(e->state, 0, e->vectors.items, e->vectors.count, e->embedding,
                              e->length, err);
    return status == RK_OK ? check_finite(e, err) : status;
}
