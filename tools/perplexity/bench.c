// A model with everything that measuring it takes.
#include "perplexity/bench.h"

#include "cli/progress_line.h"

rk_status bench_open(bench *b, const char *model, const cli_strategy *strategy, rk_pool *pool,
                     bool quiet, rk_error *err) {
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, quiet);
    const rk_model_options options = {
        .strategy = strategy->text,
        .vram_bytes = strategy->vram,
        .pool = pool,
        .progress = cli_progress_hook(&progress),
    };
    const rk_status status = rk_model_open(&b->model, model, &options, err);
    cli_progress_end(&progress);
    if (status != RK_OK) return status;
    const rk_context_options workspace = {.pool = pool, .max_chunk = BENCH_CHUNK};
    return rk_context_new(&b->context, b->model, &workspace, err);
}

void bench_close(bench *b) {
    rk_context_free(&b->context);
    rk_model_close(&b->model);
}
