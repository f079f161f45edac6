// Passes over a model, loading one, and what these are held against.
#include "model_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/allocate.h"
#include "cli/messages.h"
#include "model/model_internal.h"
#include "model/observe.h"

rk_model *model_open(const model_origin *origin, rk_pool *pool) {
    const rk_model_options options = {.strategy = origin->strategy, .pool = pool};
    rk_model *model;
    rk_error err;
    const rk_status status =
        origin->source == NULL
            ? rk_model_open(&model, origin->path, &options, &err)
            : rk__model_open_source(&model, origin->path, origin->source, &options, &err);
    if (status != RK_OK) exit(cli_failure(&err));
    return model;
}

model_costs model_costs_of(const rk_model *model) {
    const rk__arch_plan *plan = &rk__model_weights(model)->plan;
    model_costs costs = {.bytes = (double)rk_model_describe(model)->weight_bytes};
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &plan->tensors[i];
        const double n_values = (double)tensor->rows * (double)tensor->columns;
        switch (tensor->row->role) {
        case RK__EMBEDDING: // held in the type it is stored in
            costs.embedding_bytes =
                (double)rk__weights_source_bytes(rk__model_weights(model), tensor);
            break;
        case RK__HEAD:
            costs.head_weights += n_values;
            break;
        case RK__MATRIX:
        case RK__ADAPTER:
            costs.layer_weights += n_values;
            break;
        default:
            break;
        }
    }
    costs.bytes -= costs.embedding_bytes;
    return costs;
}

// ---- passes

static double amount_of(const model_run *run, const rk_model *model, rk_logits wanted,
                        model_amount amount) {
    const model_costs costs = model_costs_of(model);
    const double n_tokens = (double)run->n_states * (double)run->n_tokens;
    const double n_logits = wanted == RK_LOGITS_ALL ? n_tokens : (double)run->n_states;
    switch (amount) {
    case MODEL_BYTES:
        return costs.bytes;
    case MODEL_OPERATIONS:
        return 2 * (costs.layer_weights * n_tokens + costs.head_weights * n_logits);
    default:
        return n_tokens;
    }
}

void model_run_init(model_run *run, rk_model *model, rk_pool *pool, size_t n_states,
                    size_t n_tokens, rk_logits wanted, model_amount amount) {
    const rk_model_info *info = rk_model_describe(model);
    const size_t n_all = n_states * n_tokens;
    const size_t n_logits = wanted == RK_LOGITS_ALL ? n_tokens : 1; // of each sequence
    *run = (model_run){.n_states = n_states, .n_tokens = n_tokens, .n_vocab = info->dims.n_vocab};
    const rk_context_options options = {.pool = pool, .max_chunk = n_all};
    rk_error err;
    if (rk_context_new(&run->context, model, &options, &err) != RK_OK ||
        rk_state_new(&run->state, model, n_states, &err) != RK_OK) {
        exit(cli_failure(&err));
    }
    run->tokens = cli_allocate(n_all, sizeof *run->tokens);
    run->logits = cli_allocate(n_states * n_logits * run->n_vocab, sizeof *run->logits);
    run->sequences = cli_allocate(n_states, sizeof *run->sequences);
    for (size_t i = 0; i < n_states; i++) {
        run->sequences[i] = (rk_sequence){.index = i,
                                          .tokens = run->tokens + i * n_tokens,
                                          .n_tokens = n_tokens,
                                          .wanted = wanted,
                                          .logits = run->logits + i * n_logits * run->n_vocab};
    }
    run->amount = amount_of(run, model, wanted, amount);
}

void model_run_fini(model_run *run) {
    rk_context_free(&run->context);
    rk_state_free(&run->state);
    free(run->sequences);
    free(run->tokens);
    free(run->logits);
    *run = (model_run){0};
}

// Tokens that wander over the vocabulary, as those of a text do: every one is another row of the
// embedding.
static void choose_tokens(model_run *run) {
    for (size_t i = 0; i < run->n_states * run->n_tokens; i++) {
        run->tokens[i] = (uint32_t)((run->position++ * UINT64_C(2654435761) >> 7) % run->n_vocab);
    }
}

static double run_pass(void *argument) {
    model_run *run = argument;
    rk_error err;
    choose_tokens(run);
    if (rk_eval_batch(run->context, run->state, run->sequences, run->n_states, &err) != RK_OK) {
        exit(cli_failure(&err));
    }
    return run->amount;
}

bench_work model_run_work(model_run *run) {
    return (bench_work){run_pass, run};
}

// ---- loading

void load_run_init(load_run *run, const model_origin *origin, rk_pool *pool) {
    *run = (load_run){.origin = origin, .pool = pool};
    rk__file file;
    rk_error err;
    if (rk__file_open(&file, origin->path, &err) != RK_OK) exit(cli_failure(&err));
    run->size = (size_t)file.size;
    run->bytes = cli_allocate(run->size, 1);
    if (rk__file_read(&file, 0, run->bytes, run->size, &err) != RK_OK) exit(cli_failure(&err));
    rk__file_close(&file);
}

void load_run_fini(load_run *run) {
    free(run->bytes);
    *run = (load_run){0};
}

static double run_load(void *argument) {
    const load_run *run = argument;
    rk_model *model = model_open(run->origin, run->pool);
    const rk_context_options options = {.pool = run->pool};
    rk_context *context;
    rk_state *state;
    rk_error err;
    if (rk_context_new(&context, model, &options, &err) != RK_OK ||
        rk_state_new(&state, model, 1, &err) != RK_OK) {
        exit(cli_failure(&err));
    }
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
    return (double)run->size;
}

bench_work load_run_work(load_run *run) {
    return (bench_work){run_load, run};
}

typedef struct copy_job {
    const load_run *run;
    uint8_t *to;
} copy_job;

static void copy_share(void *argument, size_t thread, size_t n_threads) {
    const copy_job *job = argument;
    const size_t begin = job->run->size / n_threads * thread;
    const size_t end =
        thread + 1 == n_threads ? job->run->size : begin + job->run->size / n_threads;
    memcpy(job->to + begin, job->run->bytes + begin, end - begin);
}

static double run_copy(void *argument) {
    const load_run *run = argument;
    copy_job job = {.run = run};
    rk_error err;
    if (rk__alloc_large((void **)&job.to, run->size, &err) != RK_OK) exit(cli_failure(&err));
    rk_pool_run(run->pool, copy_share, &job);
    __asm__ volatile("" : : "r"(job.to) : "memory");
    rk__free(job.to);
    return (double)run->size;
}

bench_work load_run_copy_work(load_run *run) {
    return (bench_work){run_copy, run};
}

double resident_bytes(void) {
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}
