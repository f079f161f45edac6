// Timing a model. Every test is run once to warm up, and then as often as is asked for; one that
// takes long is content with fewer.
#include "perplexity/latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/read_speed.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "cli/workers.h"
#include "perplexity/speed.h"

enum {
    PREFILL_TOKENS = 512,
    DECODE_STEPS = 64,         // of a repetition
    LOGITS_ROWS = BENCH_CHUNK, // kept at once: no chunk is cut for them
    LEAST_REPETITIONS = 2,
    MAX_BATCH = 16,
};
static const double LONG_ENOUGH = 20; // seconds after which LEAST_REPETITIONS will do

// One number of threads.
typedef struct timing {
    const measure_job *job;
    const bench *bench;
    result *out;
    rk_pool *pool;
    size_t n_threads;
    double read_speed; // bytes a second; 0: not measured
    uint32_t tokens[PREFILL_TOKENS];
    float *logits; // [LOGITS_ROWS][n_vocab]
} timing;

static latency_row *add_row(timing *t, const char *test) {
    result *out = t->out;
    out->latency = cli_reallocate(out->latency, out->n_latency + 1, sizeof *out->latency);
    latency_row *row = &out->latency[out->n_latency++];
    *row = (latency_row){.threads = t->n_threads};
    snprintf(row->test, sizeof row->test, "%s", test);
    return row;
}

// Mean and standard deviation of a repetition's seconds.
static rk_status finish_row(latency_row *row, const double *seconds, size_t n, rk_error *err) {
    rk_estimate mean;
    const rk_status status = rk_estimate_mean(&mean, seconds, n, NULL, err);
    if (status != RK_OK) return status;
    row->repetitions = n;
    row->seconds = mean.mean;
    row->seconds_deviation = mean.standard_error * sqrt((double)n);
    row->tokens_per_s = (double)row->tokens / mean.mean;
    return RK_OK;
}

typedef rk_status (*repetition)(timing *t, rk_context *context, rk_state *state,
                                const latency_row *row, double *steps, rk_error *err);

// Runs a test; steps[] gets the seconds of the steps of all repetitions, where it is not NULL.
static rk_status repeat(timing *t, rk_context *context, rk_state *state, latency_row *row,
                        repetition run, double *steps, rk_error *err) {
    const size_t n = t->job->settings->repetitions;
    double *seconds = cli_allocate(n, sizeof *seconds);
    rk_status status = run(t, context, state, row, steps, err); // to warm up
    size_t done = 0;
    for (double total = 0; status == RK_OK && done < n; done++) {
        if (done >= LEAST_REPETITIONS && total > LONG_ENOUGH) break;
        if (cli_interrupted()) {
            status = err->code = RK_ERR_CANCELLED;
            break;
        }
        const double start = cli_now();
        status =
            run(t, context, state, row, steps != NULL ? steps + done * DECODE_STEPS : NULL, err);
        seconds[done] = cli_now() - start;
        total += seconds[done];
    }
    if (status == RK_OK) status = finish_row(row, seconds, done, err);
    free(seconds);
    return status;
}

// ---- prefill

static rk_status prefill(timing *t, rk_context *context, rk_state *state, const latency_row *row,
                         double *steps, rk_error *err) {
    (void)steps;
    const bool all = row->logits[0] == 'a';
    const rk_logits wanted = all ? RK_LOGITS_ALL : RK_LOGITS_LAST;
    const size_t most = all ? LOGITS_ROWS : PREFILL_TOKENS;
    rk_status status = rk_state_clear(state, 0, err);
    for (size_t at = 0; status == RK_OK && at < PREFILL_TOKENS; at += most) {
        const size_t left = PREFILL_TOKENS - at;
        status = rk_eval(context, state, t->tokens + at, left < most ? left : most, wanted,
                         t->logits, err);
    }
    return status;
}

static rk_status time_prefill(timing *t, rk_state *state, size_t chunk, const char *logits,
                              rk_error *err) {
    const rk_context_options options = {.pool = t->pool, .max_chunk = chunk};
    rk_context *context = NULL;
    rk_status status = rk_context_new(&context, t->bench->model, &options, err);
    if (status != RK_OK) return status;
    latency_row *row = add_row(t, "prefill");
    row->tokens = PREFILL_TOKENS;
    row->chunk = chunk;
    row->batch = 1;
    snprintf(row->logits, sizeof row->logits, "%s", logits);
    status = repeat(t, context, state, row, prefill, NULL, err);
    rk_context_free(&context);
    return status;
}

// ---- decode

static rk_status decode(timing *t, rk_context *context, rk_state *state, const latency_row *row,
                        double *steps, rk_error *err) {
    const size_t n_vocab = rk_model_describe(t->bench->model)->dims.n_vocab;
    rk_sequence sequences[MAX_BATCH];
    rk_status status = RK_OK;
    for (size_t step = 0; status == RK_OK && step < DECODE_STEPS; step++) {
        for (size_t i = 0; i < row->batch; i++) {
            sequences[i] = (rk_sequence){.index = i,
                                         .tokens = &t->tokens[(step + 17 * i) % PREFILL_TOKENS],
                                         .n_tokens = 1,
                                         .wanted = RK_LOGITS_LAST,
                                         .logits = t->logits + i * n_vocab};
        }
        const double start = cli_now();
        status = rk_eval_batch(context, state, sequences, (size_t)row->batch, err);
        steps[step] = cli_now() - start;
    }
    return status;
}

// What a step moves: all weights but the embedding, and each sequence's state in and out.
static double step_bytes(const rk_model_info *info, uint64_t batch) {
    const double weights = (double)(info->weight_bytes - info->embedding_bytes);
    return weights + 2.0 * (double)batch * (double)info->state_floats * (double)sizeof(float);
}

static rk_status time_decode(timing *t, rk_context *context, rk_state *state, size_t batch,
                             rk_error *err) {
    const size_t n = t->job->settings->repetitions * DECODE_STEPS;
    double *steps = cli_allocate(n, sizeof *steps);
    latency_row *row = add_row(t, "decode");
    row->tokens = batch * DECODE_STEPS;
    row->batch = batch;
    snprintf(row->logits, sizeof row->logits, "last");
    const rk_status status = repeat(t, context, state, row, decode, steps, err);
    if (status == RK_OK) {
        const size_t n_steps = (size_t)row->repetitions * DECODE_STEPS;
        rk_sort_values(steps, n_steps);
        row->p50_ms = 1e3 * rk_percentile(steps, n_steps, 0.5);
        row->p90_ms = 1e3 * rk_percentile(steps, n_steps, 0.9);
        row->p99_ms = 1e3 * rk_percentile(steps, n_steps, 0.99);
        row->bytes_per_s =
            step_bytes(rk_model_describe(t->bench->model), batch) * DECODE_STEPS / row->seconds;
        if (t->read_speed > 0) row->read_share = row->bytes_per_s / t->read_speed;
    }
    free(steps);
    return status;
}

// ---- all of it

static rk_status time_all(timing *t, rk_error *err) {
    static const size_t chunks[] = {16, 64, 128, BENCH_CHUNK};
    static const size_t batches[] = {1, 4, MAX_BATCH};
    rk_state *state = NULL;
    rk_context *context = NULL;
    const rk_context_options options = {.pool = t->pool};
    rk_status status = rk_state_new(&state, t->bench->model, MAX_BATCH, err);
    if (status == RK_OK) status = rk_context_new(&context, t->bench->model, &options, err);
    for (size_t i = 0; status == RK_OK && i < sizeof chunks / sizeof chunks[0]; i++) {
        status = time_prefill(t, state, chunks[i], "last", err);
        if (status == RK_OK) status = time_prefill(t, state, chunks[i], "all", err);
    }
    for (size_t i = 0; status == RK_OK && i < sizeof batches / sizeof batches[0]; i++) {
        status = time_decode(t, context, state, batches[i], err);
    }
    rk_context_free(&context);
    rk_state_free(&state);
    return status;
}

static void add_load(timing *t) {
    latency_row *row = add_row(t, "load");
    row->repetitions = 1;
    row->seconds = t->out->load_seconds;
}

static int time_threads(timing *t, size_t n_threads) {
    cli_common common = *t->job->common;
    common.threads = n_threads;
    t->pool = cli_workers_new(&common);
    if (t->pool == NULL) return CLI_EXIT_FAILED;
    t->n_threads = rk_pool_threads(t->pool);
    // What a GPU holds is not read from this memory.
    const bool is_here = strstr(t->out->strategy, "cuda") == NULL;
    t->read_speed = is_here ? cli_read_speed(t->pool) : 0;
    rk_error err;
    const rk_status status = time_all(t, &err);
    rk_pool_free(&t->pool);
    return status == RK_OK ? CLI_EXIT_DONE : cli_failure_of(t->job->model, &err);
}

int latency_measure(result *out, const bench *b, const measure_job *job) {
    const count_list *threads = &job->settings->threads;
    timing *t = cli_allocate(1, sizeof *t);
    *t = (timing){.job = job, .bench = b, .out = out, .n_threads = rk_pool_threads(job->pool)};
    const size_t n_vocab = rk_model_describe(b->model)->dims.n_vocab;
    t->logits = cli_allocate(LOGITS_ROWS * n_vocab, sizeof *t->logits);
    speed_fill_tokens(t->tokens, PREFILL_TOKENS, b->model);
    add_load(t);
    int code = CLI_EXIT_DONE;
    for (size_t i = 0; code == CLI_EXIT_DONE && i < threads->count; i++) {
        code = time_threads(t, threads->items[i]);
    }
    if (threads->count == 0) code = time_threads(t, 0);
    free(t->logits);
    free(t);
    return code;
}
