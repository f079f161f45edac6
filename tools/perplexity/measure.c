// Measuring one model in one type.
#include "perplexity/measure.h"

#include <math.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/paths.h"
#include "cli/peak_memory.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "rk/tokenizer.h"
#include "perplexity/speed.h"

// A model with everything that measuring it takes.
typedef struct bench {
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
    uint32_t *tokens; // [n_tokens]
    size_t n_tokens;
} bench;

static void bench_close(bench *b) {
    rk_tokens_free(&b->tokens);
    rk_tokenizer_close(&b->tokenizer);
    rk_state_free(&b->state);
    rk_context_free(&b->context);
    rk_model_close(&b->model);
}

static rk_status bench_open(bench *b, const measure_job *job, rk_error *err) {
    cli_progress progress;
    cli_progress_begin(&progress, "loading", CLI_UNIT_BYTES, job->common->quiet);
    const rk_model_options options = {
        .strategy = job->strategy,
        .pool = job->pool,
        .progress = cli_progress_hook(&progress),
    };
    rk_status status = rk_model_open(&b->model, job->model, &options, err);
    cli_progress_end(&progress);
    if (status != RK_OK) return status;
    const rk_context_options workspace = {.pool = job->pool};
    status = rk_context_new(&b->context, b->model, &workspace, err);
    if (status == RK_OK) status = rk_state_new(&b->state, b->model, 1, err);
    return status;
}

// Tokens of the text, as this model's tokenizer makes them.
static rk_status bench_read_text(bench *b, const measure_job *job, rk_error *err) {
    const cli_text *text = job->text;
    const size_t n_vocab = rk_model_describe(b->model)->dims.n_vocab;
    rk_status status = rk_tokenizer_find(&b->tokenizer, n_vocab, job->model, NULL, err);
    if (status == RK_OK) {
        status = rk_tokenizer_encode(b->tokenizer, text->data, text->size, &b->tokens, &b->n_tokens,
                                     err);
    }
    if (job->limit != 0 && b->n_tokens > job->limit) b->n_tokens = job->limit;
    return status;
}

static uint64_t bytes_of_tokens(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        rk_tokenizer_decode(tokenizer, tokens[i], &length);
        bytes += length;
    }
    return bytes;
}

static rk_status measure_loss(measurement *out, bench *b, const measure_job *job, rk_error *err) {
    char *label = cli_format("%s %s", cli_base_name(job->model), out->type);
    cli_progress progress;
    cli_progress_begin(&progress, label, CLI_UNIT_TOKENS, job->common->quiet);
    const rk_progress hook = cli_progress_hook(&progress);
    const rk_status status =
        rk_eval_stream(b->context, b->state, b->tokens, b->n_tokens, &hook, &out->loss, err);
    cli_progress_end(&progress);
    free(label);
    if (status != RK_OK) return status;
    out->scored_bytes = bytes_of_tokens(b->tokenizer, b->tokens + 1, b->n_tokens - 1);
    const double nats = out->loss.mean * (double)out->loss.n_tokens;
    out->bits_per_byte = nats / log(2.0) / (double)out->scored_bytes;
    return RK_OK;
}

static void describe(measurement *out, const rk_model *model) {
    const rk_model_info *info = rk_model_describe(model);
    out->type = rk_dtype_describe(info->dtype)->name;
    out->architecture = info->arch_name;
    out->bytes = info->weight_bytes;
    out->bits_per_weight = 8.0 * (double)info->weight_bytes / (double)info->n_parameters;
}

static int measure_opened(measurement *out, bench *b, const measure_job *job) {
    rk_error err;
    describe(out, b->model);
    if (bench_read_text(b, job, &err) != RK_OK) return cli_failure_of(job->model, &err);
    if (b->n_tokens < 2) {
        cli_complain("%s: too short: %zu token%s where at least 2 are needed", job->text->name,
                     b->n_tokens, b->n_tokens == 1 ? "" : "s");
        return CLI_EXIT_FAILED;
    }
    if (measure_loss(out, b, job, &err) != RK_OK) return cli_failure_of(job->model, &err);
    const speed_job timing = {b->model, b->context, b->state, b->tokens, b->n_tokens};
    if (measure_speed(&timing, &out->prefill_tokens_per_s, &out->decode_tokens_per_s, &err) !=
        RK_OK) {
        return cli_failure_of(job->model, &err);
    }
    out->peak_rss_bytes = cli_peak_memory();
    return CLI_EXIT_DONE;
}

int measure(measurement *out, const measure_job *job) {
    *out = (measurement){.model = job->model, .peak_is_own = cli_peak_memory_reset()};
    bench b = {0};
    rk_error err;
    int code = CLI_EXIT_DONE;
    if (bench_open(&b, job, &err) != RK_OK) {
        code = cli_failure(&err);
    } else {
        code = measure_opened(out, &b, job);
    }
    bench_close(&b);
    return code;
}
