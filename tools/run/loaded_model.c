// Opening a model.
#include "run/loaded_model.h"

#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/sizes.h"
#include "cli/workers.h"

rk_tokenizer *open_tokenizer(const char *path, const model_settings *settings) {
    rk_tokenizer *tokenizer = NULL;
    rk_dims dims = {0};
    rk_error err;
    rk_status status = RK_OK;
    if (path != NULL) status = rk_model_read_dims(path, &dims, &err);
    if (status == RK_OK) {
        status = rk_tokenizer_find(&tokenizer, dims.n_vocab, path, settings->tokenizer, &err);
    }
    if (status != RK_OK) cli_failure(&err);
    return tokenizer;
}

static int open_model(loaded_model *m, const cli_strategy *strategy, const cli_common *common) {
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, common->quiet);
    const rk_model_options options = {
        .strategy = strategy->text,
        .vram_bytes = strategy->vram,
        .pool = m->pool,
        .progress = cli_progress_hook(&progress),
    };
    rk_error err;
    rk_status status = rk_model_open(&m->model, m->path, &options, &err);
    cli_progress_end(&progress);
    if (status == RK_OK) {
        m->n_vocab = rk_model_describe(m->model)->dims.n_vocab;
        const rk_context_options context = {.pool = m->pool};
        status = rk_context_new(&m->context, m->model, &context, &err);
    }
    if (status == RK_OK) {
        cli_strategy_report(strategy, m->model, common->quiet);
        return CLI_EXIT_DONE;
    }
    // The one argument that comes from the command line unread.
    if (status == RK_ERR_ARGUMENT && strategy->text != NULL) {
        cli_misuse("--strategy: %s", err.message);
    }
    return cli_failure(&err);
}

int loaded_model_open(loaded_model *m, const char *path, const model_settings *settings,
                      const cli_common *common) {
    const double start = cli_now();
    *m = (loaded_model){.path = path};
    // The vocabulary first: one that is missing should not be noticed after a minute of loading.
    m->tokenizer = open_tokenizer(path, settings);
    if (m->tokenizer == NULL) return CLI_EXIT_FAILED;
    m->pool = cli_workers_new(common);
    if (m->pool == NULL) return CLI_EXIT_FAILED;
    const int code = open_model(m, &settings->strategy, common);
    m->load_seconds = cli_now() - start;
    return code;
}

void loaded_model_close(loaded_model *m) {
    rk_tokenizer_close(&m->tokenizer);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    rk_pool_free(&m->pool);
}
