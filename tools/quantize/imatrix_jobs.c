// Making importance matrices.
#include "quantize/imatrix_jobs.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/text_file.h"
#include "cli/workers.h"
#include "rk/tokenizer.h"

static rk_status save(const rk_imatrix *imatrix, const char *path, rk_error *err) {
    const bool dat = cli_ends_with(path, ".dat");
    return rk_imatrix_save(imatrix, path, dat ? RK_IMATRIX_DAT : RK_IMATRIX_NPZ, err);
}

int load_imatrices(rk_imatrix **out, const cli_text_list *files) {
    rk_imatrix *all = NULL, *one = NULL;
    rk_error err;
    *out = NULL;
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->items[i];
        if (rk_imatrix_load(&one, path, &err) != RK_OK) {
            rk_imatrix_free(&all);
            return cli_failure(&err);
        }
        if (all == NULL) {
            all = one;
            one = NULL;
            continue;
        }
        const rk_status status = rk_imatrix_merge(all, one, &err);
        rk_imatrix_free(&one);
        if (status == RK_OK) continue;
        rk_imatrix_free(&all);
        return cli_failure_of(path, &err);
    }
    *out = all;
    return CLI_EXIT_DONE;
}

int merge_imatrices(const char *output, const cli_text_list *files) {
    rk_imatrix *imatrix;
    rk_error err;
    const int code = load_imatrices(&imatrix, files);
    if (code != CLI_EXIT_DONE) return code;
    const rk_status status = save(imatrix, output, &err);
    rk_imatrix_free(&imatrix);
    return status == RK_OK ? CLI_EXIT_DONE : cli_failure(&err);
}

// ---- collecting

typedef struct collection {
    const imatrix_settings *settings;
    const cli_common *common;
    rk_pool *pool;
    cli_text text;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
    uint32_t *tokens; // [n_tokens]
    size_t n_tokens;
    rk_imatrix *imatrix;
} collection;

static void collection_free(collection *c) {
    rk_imatrix_free(&c->imatrix);
    rk_tokens_free(&c->tokens);
    rk_tokenizer_close(&c->tokenizer);
    rk_state_free(&c->state);
    rk_context_free(&c->context);
    rk_model_close(&c->model);
    cli_text_free(&c->text);
    rk_pool_free(&c->pool);
}

static rk_status open_model(collection *c, const char *path, rk_error *err) {
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, c->common->quiet);
    const rk_model_options options = {.pool = c->pool, .progress = cli_progress_hook(&progress)};
    rk_status status = rk_model_open(&c->model, path, &options, err);
    cli_progress_end(&progress);
    if (status != RK_OK) return status;
    const rk_context_options workspace = {.pool = c->pool};
    status = rk_context_new(&c->context, c->model, &workspace, err);
    return status == RK_OK ? rk_state_new(&c->state, c->model, 1, err) : status;
}

static rk_status cut_text(collection *c, const char *path, rk_error *err) {
    const size_t n_vocab = rk_model_describe(c->model)->dims.n_vocab;
    const rk_status status =
        rk_tokenizer_find(&c->tokenizer, n_vocab, path, c->settings->tokenizer, err);
    if (status != RK_OK) return status;
    return rk_tokenizer_encode(c->tokenizer, c->text.data, c->text.size, &c->tokens, &c->n_tokens,
                               err);
}

static rk_status collect(collection *c, rk_error *err) {
    const rk_imatrix_options options = {.group = c->settings->group,
                                        .without_moments = c->settings->group == 0};
    cli_progress progress;
    rk_status status = rk_imatrix_new(&c->imatrix, err);
    if (status != RK_OK) return status;
    cli_progress_begin(&progress, "collecting", CLI_UNIT_TOKENS, c->common->quiet);
    const rk_progress hook = cli_progress_hook(&progress);
    status = rk_imatrix_collect(c->imatrix, c->context, c->state, c->tokens, c->n_tokens, &options,
                                &hook, err);
    cli_progress_end(&progress);
    return status;
}

static int collect_opened(collection *c, const char *model) {
    rk_error err;
    if (open_model(c, model, &err) != RK_OK) return cli_failure(&err);
    if (cut_text(c, model, &err) != RK_OK) return cli_failure_of(model, &err);
    if (c->n_tokens == 0) {
        cli_complain("%s: an empty text says nothing", c->text.name);
        return CLI_EXIT_FAILED;
    }
    if (collect(c, &err) != RK_OK) return cli_failure_of(model, &err);
    if (save(c->imatrix, c->settings->collect, &err) != RK_OK) return cli_failure(&err);
    if (!c->common->quiet && !c->common->json) {
        printf("%s: the inputs of %zu matrices over %zu tokens of %s\n", c->settings->collect,
               rk_imatrix_count(c->imatrix), c->n_tokens, c->text.name);
    }
    return CLI_EXIT_DONE;
}

int collect_imatrix(const imatrix_settings *settings, const char *model, const cli_common *common) {
    collection c = {.settings = settings, .common = common};
    int code = CLI_EXIT_FAILED;
    if (cli_text_read(&c.text, settings->text)) {
        c.pool = cli_workers_new(common);
        cli_signals_begin();
        if (c.pool != NULL) code = collect_opened(&c, model);
    }
    collection_free(&c);
    return code;
}
