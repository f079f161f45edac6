// How fast scoring a text is, as a share of what the same model computes all its logits with.
//
//   bench_scoring MODEL TEXT [TYPE] [ROUNDS] [THREADS]
//
// MODEL must be one of bytes. Every round computes 2,048 tokens of TEXT with the logits of all, 256
// at a time, as perplexity --latency does, and then scores the same tokens as perplexity does:
// softmax, loss and most probable token of each. The two alternate in short rounds, so that
// whatever else the machine does meets both; the medians of all rounds are printed, and the ratio
// of the processor times.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rk/eval.h"

enum { TOKENS = 2048, CHUNK = 256, MOST_ROUNDS = 10000 };

typedef struct machine {
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_scorer *scorer;
    float *logits; // [CHUNK][n_vocab]
    rk_token_score *scores;
    uint32_t tokens[TOKENS + 1];
    rk_error err;
} machine;

typedef struct duration {
    double wall, processor; // seconds
} duration;

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static duration now(void) {
    return (duration){read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

static duration since(duration start) {
    const duration end = now();
    return (duration){end.wall - start.wall, end.processor - start.processor};
}

static void check(const machine *m, rk_status status) {
    if (status == RK_OK) return;
    fprintf(stderr, "bench_scoring: %s\n", m->err.message);
    exit(1);
}

static void open_machine(machine *m, const char *path, const char *type, size_t n_threads) {
    const rk_pool_options threads = {.n_threads = n_threads, .pin = true};
    char strategy[64];
    snprintf(strategy, sizeof strategy, "cpu %.50s", type);
    check(m, rk_pool_new(&m->pool, &threads, &m->err));
    const rk_model_options options = {.pool = m->pool, .strategy = strategy};
    check(m, rk_model_open(&m->model, path, &options, &m->err));
    const rk_context_options context = {.pool = m->pool, .max_chunk = CHUNK};
    check(m, rk_context_new(&m->context, m->model, &context, &m->err));
    check(m, rk_state_new(&m->state, m->model, 1, &m->err));
    const rk_scorer_options scorer = {.pool = m->pool, .n_sequences = 1};
    check(m, rk_scorer_new(&m->scorer, m->context, &scorer, &m->err));
    m->logits = calloc(CHUNK * rk_model_describe(m->model)->dims.n_vocab, sizeof *m->logits);
    m->scores = calloc(TOKENS, sizeof *m->scores);
}

static void close_machine(machine *m) {
    free(m->logits);
    free(m->scores);
    rk_scorer_free(&m->scorer);
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    rk_pool_free(&m->pool);
}

static duration time_prefill(machine *m) {
    const duration start = now();
    check(m, rk_state_clear(m->state, 0, &m->err));
    for (size_t at = 0; at < TOKENS; at += CHUNK) {
        check(m, rk_eval(m->context, m->state, m->tokens + at, CHUNK, RK_LOGITS_ALL, m->logits,
                         &m->err));
    }
    return since(start);
}

static duration time_scoring(machine *m) {
    const rk_passage passage = {m->tokens, TOKENS + 1, 1};
    const duration start = now();
    check(m, rk_scorer_run(m->scorer, &passage, 1, 0, NULL, m->scores, &m->err));
    return since(start);
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static void run(machine *m, const char *type, size_t n_rounds) {
    static double prefill[MOST_ROUNDS], scoring[MOST_ROUNDS], share[MOST_ROUNDS];
    static double processor[MOST_ROUNDS];
    for (size_t i = 0; i < n_rounds; i++) {
        const duration p = time_prefill(m), s = time_scoring(m);
        prefill[i] = p.wall;
        scoring[i] = s.wall;
        share[i] = p.wall / s.wall;
        processor[i] = p.processor / s.processor;
    }
    printf("%s, %zu rounds of %d tokens: all logits %.0f tokens/s, scoring %.0f tokens/s; scoring "
           "is %.3f of it (%.3f by processor time; medians of the rounds' ratios)\n",
           type, n_rounds, TOKENS, TOKENS / median(prefill, n_rounds),
           TOKENS / median(scoring, n_rounds), median(share, n_rounds),
           median(processor, n_rounds));
}

static size_t number(const char *text, size_t most) {
    const unsigned long n = strtoul(text, NULL, 10);
    return n < 1 ? 1 : n > most ? most : (size_t)n;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 6) {
        fprintf(stderr, "usage: bench_scoring MODEL TEXT [TYPE] [ROUNDS] [THREADS]\n");
        return 2;
    }
    static unsigned char text[TOKENS + 1];
    FILE *file = fopen(argv[2], "re");
    if (file == NULL || fread(text, 1, sizeof text, file) != sizeof text) {
        fprintf(stderr, "bench_scoring: %s: %zu bytes are needed\n", argv[2], sizeof text);
        return 1;
    }
    fclose(file);
    static machine m;
    for (size_t i = 0; i <= TOKENS; i++) m.tokens[i] = text[i];
    const char *type = argc > 3 ? argv[3] : "Q8_0";
    open_machine(&m, argv[1], type, argc > 5 ? number(argv[5], 1024) : 0);
    run(&m, type, argc > 4 ? number(argv[4], MOST_ROUNDS) : 51);
    close_machine(&m);
    return 0;
}
