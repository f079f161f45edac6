// Generating in one go, around a state and a sampler of the caller's.
#include "rk/generate.h"

#include "generate/session_internal.h"

static rk_status run_prompt(rk__run *run, const char *prompt, size_t length, rk_error *err) {
    uint32_t *tokens;
    size_t n_tokens;
    RK_TRY(rk_tokenizer_encode(run->session->tokenizer, prompt, length, &tokens, &n_tokens, err));
    RK_TRY(rk__run_prompt(run, tokens, n_tokens, err));
    return rk__run_alone(run, err);
}

rk_status rk_generate(rk_context *context, rk_state *state, const rk_tokenizer *tokenizer,
                      rk_sampler *sampler, const char *prompt, size_t prompt_length,
                      const rk_generate_options *options, rk_generate_result *result,
                      rk_error *err) {
    rk_session session;
    rk__run run = {0};
    rk_status status = rk__session_init(&session, context, tokenizer, state, 0, sampler, err);
    if (status != RK_OK) goto out;
    status = rk__run_begin(&run, &session, options, err);
    if (status == RK_OK) status = run_prompt(&run, prompt, prompt_length, err);
    rk__run_end(&run);
out:
    if (result) *result = run.result;
    rk__session_fini(&session);
    return status;
}
