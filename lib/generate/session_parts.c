// Sessions: what they own, and going on with them.
#include "generate/session_internal.h"

#include "base/memory.h"

static rk_status check_vocabulary(const rk_model_info *model, const char *part, size_t n_vocab,
                                  rk_error *err) {
    if (n_vocab == model->dims.n_vocab) return RK_OK;
    return rk__fail(err, RK_ERR_MISMATCH, "the %s is for %zu tokens; the vocabulary of %s has %zu",
                    part, n_vocab, model->path, model->dims.n_vocab);
}

rk_status rk__session_init(rk_session *session, rk_context *context, const rk_tokenizer *tokenizer,
                           rk_state *state, size_t sequence, rk_sampler *sampler, rk_error *err) {
    const rk_model_info *model = rk_model_describe(rk_context_model(context));
    *session = (rk_session){.context = context,
                            .tokenizer = tokenizer,
                            .state = state,
                            .sequence = sequence,
                            .sampler = sampler};
    RK_TRY(check_vocabulary(model, "tokenizer", rk_tokenizer_vocabulary(tokenizer), err));
    RK_TRY(check_vocabulary(model, "sampler", rk_sampler_vocabulary(sampler), err));
    return rk__alloc_aligned((void **)&session->logits, model->dims.n_vocab, sizeof(float), err);
}

void rk__session_fini(rk_session *session) {
    rk__rewind_fini(&session->rewind);
    rk__free(session->held);
    rk__free(session->logits);
    if (session->owns_parts) {
        rk_sampler_free(&session->sampler);
        rk_state_free(&session->state);
    }
    *session = (rk_session){0};
}

rk_status rk_session_new(rk_session **out, rk_context *context, const rk_tokenizer *tokenizer,
                         const rk_sampler_options *sampling, rk_error *err) {
    rk_model *model = rk_context_model(context);
    rk_session *session = NULL;
    rk_state *state = NULL;
    rk_sampler *sampler = NULL;
    rk_status status = rk__alloc((void **)&session, 1, sizeof *session, err);
    if (status != RK_OK) goto out;
    status = rk_state_new(&state, model, 1, err);
    if (status != RK_OK) goto out;
    status = rk_sampler_new(&sampler, rk_model_describe(model)->dims.n_vocab, sampling, err);
    if (status != RK_OK) goto out;
    status = rk__session_init(session, context, tokenizer, state, 0, sampler, err);
    session->owns_parts = true;
    state = NULL;
    sampler = NULL;
out:
    rk_state_free(&state);
    rk_sampler_free(&sampler);
    if (status != RK_OK) rk_session_free(&session);
    *out = session;
    return status;
}

void rk_session_free(rk_session **session) {
    rk_session *s = *session;
    *session = NULL;
    if (!s) return;
    rk__session_fini(s);
    rk__free(s);
}

void rk__session_forget_text(rk_session *session) {
    session->offset = 0;
    session->n_held = 0;
    session->stream = (rk__utf8_stream){0};
    rk__rewind_forget(&session->rewind);
}

rk_status rk_session_clear(rk_session *session, rk_error *err) {
    rk_session_state_changed(session);
    rk_sampler_reset(session->sampler);
    return rk_state_clear(session->state, session->sequence, err);
}

rk_state *rk_session_state(rk_session *session) {
    return session->state;
}

void rk_session_state_changed(rk_session *session) {
    session->has_logits = false;
    rk__session_forget_text(session);
}

rk_sampler *rk_session_sampler(rk_session *session) {
    return session->sampler;
}

const float *rk_session_logits(const rk_session *session) {
    return session->has_logits ? session->logits : NULL;
}

// ---- going on

// Takes the tokens.
static rk_status feed(rk_session *session, uint32_t *tokens, size_t n_tokens,
                      const rk_generate_options *options, rk_generate_result *result,
                      rk_error *err) {
    // What was asked of the prompt, and nothing else.
    const rk_generate_options alone = {.user = options ? options->user : NULL,
                                       .progress = options ? options->progress : (rk_progress){0},
                                       .slice = options ? options->slice : 0};
    rk__run run;
    rk_status status = rk__run_begin(&run, session, &alone, err);
    if (status != RK_OK || n_tokens == 0) {
        rk_tokens_free(&tokens);
        goto out;
    }
    run.is_session = true;
    status = rk__run_prompt(&run, tokens, n_tokens, err);
    if (status == RK_OK) status = rk__run_alone(&run, err);
out:
    rk__run_end(&run);
    *result = run.result;
    return status;
}

rk_status rk__session_feed(rk_session *session, const char *text, size_t length,
                           const rk_generate_options *options, rk_generate_result *result,
                           rk_error *err) {
    uint32_t *tokens;
    size_t n_tokens;
    *result = (rk_generate_result){0};
    RK_TRY(rk_tokenizer_encode(session->tokenizer, text, length, &tokens, &n_tokens, err));
    return feed(session, tokens, n_tokens, options, result, err);
}

rk_status rk_session_feed(rk_session *session, const char *text, size_t length,
                          const rk_generate_options *options, size_t *n_fed, rk_error *err) {
    rk_generate_result result;
    const rk_status status = rk__session_feed(session, text, length, options, &result, err);
    if (n_fed) *n_fed = result.n_prompt_tokens;
    return status;
}

rk_status rk_session_feed_tokens(rk_session *session, const uint32_t *tokens, size_t n_tokens,
                                 const rk_generate_options *options, size_t *n_fed, rk_error *err) {
    uint32_t *copy;
    if (n_fed) *n_fed = 0;
    RK_TRY(rk__alloc((void **)&copy, n_tokens, sizeof copy[0], err));
    for (size_t i = 0; i < n_tokens; i++) copy[i] = tokens[i];
    rk_generate_result result;
    const rk_status status = feed(session, copy, n_tokens, options, &result, err);
    if (n_fed) *n_fed = result.n_prompt_tokens;
    return status;
}

rk_status rk_session_generate(rk_session *session, const rk_generate_options *options,
                              rk_generate_result *result, rk_error *err) {
    rk__run run;
    rk_status status = rk__run_begin(&run, session, options, err);
    if (status != RK_OK) goto out;
    run.is_session = true;
    status = rk__run_resume(&run, err);
    if (status == RK_OK) status = rk__run_alone(&run, err);
out:
    if (result) *result = run.result;
    rk__run_end(&run);
    return status;
}

bool rk_session_flush(rk_session *session, rk_generate_text_fn text, void *user) {
    bool go_on = true;
    if (text && session->n_held > 0) {
        go_on = rk__utf8_push(&session->stream, session->held, session->n_held, text, user);
    }
    if (text && go_on) go_on = rk__utf8_flush(&session->stream, text, user);
    session->n_held = 0;
    session->stream = (rk__utf8_stream){0};
    rk__rewind_forget(&session->rewind);
    return go_on;
}
