// Opening a model for generation.
#include "run/session.h"

#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "cli/workers.h"

static int open_model(run_session *s, const char *path, const char *strategy,
                      const cli_common *common) {
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, common->quiet);
    const rk_model_options options = {
        .strategy = strategy,
        .pool = s->pool,
        .progress = cli_progress_hook(&progress),
    };
    rk_error err;
    const rk_status status = rk_model_open(&s->model, path, &options, &err);
    cli_progress_end(&progress);
    if (status == RK_OK) return CLI_EXIT_DONE;
    // The one argument that comes from the command line unread.
    if (status == RK_ERR_ARGUMENT && strategy != NULL) cli_misuse("--strategy: %s", err.message);
    return cli_failure(&err);
}

static rk_status open_parts(run_session *s, const char *tokenizer,
                            const rk_sampler_options *sampling, rk_error *err) {
    const rk_model_info *info = rk_model_describe(s->model);
    const size_t n_vocab = info->dims.n_vocab;
    const rk_context_options options = {.pool = s->pool};
    rk_status status = rk_context_new(&s->context, s->model, &options, err);
    if (status == RK_OK) status = rk_state_new(&s->state, s->model, 1, err);
    if (status == RK_OK)
        status = rk_tokenizer_find(&s->tokenizer, n_vocab, info->path, tokenizer, err);
    rk_sampler_options options_of_sampler = *sampling;
    options_of_sampler.tokenizer = s->tokenizer; // ids without text are never drawn
    if (status == RK_OK) status = rk_sampler_new(&s->sampler, n_vocab, &options_of_sampler, err);
    return status;
}

int session_open(run_session *s, const char *model, const char *strategy, const char *tokenizer,
                 const rk_sampler_options *sampling, const cli_common *common) {
    const double start = cli_now();
    *s = (run_session){.pool = cli_workers_new(common)};
    if (s->pool == NULL) return CLI_EXIT_FAILED;
    const int code = open_model(s, model, strategy, common);
    if (code != CLI_EXIT_DONE) return code;
    rk_error err;
    if (open_parts(s, tokenizer, sampling, &err) != RK_OK) return cli_failure_of(model, &err);
    s->load_seconds = cli_now() - start;
    return CLI_EXIT_DONE;
}

void session_close(run_session *s) {
    rk_sampler_free(&s->sampler);
    rk_tokenizer_close(&s->tokenizer);
    rk_state_free(&s->state);
    rk_context_free(&s->context);
    rk_model_close(&s->model);
    rk_pool_free(&s->pool);
}
