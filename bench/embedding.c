// How fast embedding is, as a share of what the same model reads text with (prefill).
//
//   bench_embedding MODEL TEXT [ROUNDS] [THREADS]
//
// MODEL must be one of bytes. Every round reads 3,200 bytes of TEXT as perplexity's prefill does,
// 512 tokens a call, and then the same bytes as 8 texts of 400 as embed does: tokenized, embedded
// by the default sources, checked and appended to a .npy file. The two alternate in short rounds,
// so that whatever else the machine does meets both; the medians of all rounds are printed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rk/embed.h"
#include "rk/npy.h"
#include "rk/tokenizer.h"

enum { TEXTS = 8, TEXT_BYTES = 400, TOKENS = TEXTS * TEXT_BYTES, CHUNK = 512, MOST_ROUNDS = 10000 };

typedef struct machine {
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
    rk_embedder *embedder;
    rk_npy *npy;
    float *rows, *logits;
    rk_error err;
} machine;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(const machine *m, rk_status status) {
    if (status == RK_OK) return;
    fprintf(stderr, "bench_embedding: %s\n", m->err.message);
    exit(1);
}

static void open_machine(machine *m, const char *path, size_t n_threads, const char *output) {
    const rk_pool_options threads = {.n_threads = n_threads, .pin = true};
    check(m, rk_pool_new(&m->pool, &threads, &m->err));
    const rk_model_options options = {.pool = m->pool};
    check(m, rk_model_open(&m->model, path, &options, &m->err));
    const rk_context_options context = {.pool = m->pool};
    check(m, rk_context_new(&m->context, m->model, &context, &m->err));
    check(m, rk_state_new(&m->state, m->model, 1, &m->err));
    const size_t n_vocab = rk_model_describe(m->model)->dims.n_vocab;
    check(m, rk_tokenizer_open(&m->tokenizer, n_vocab, &m->err));
    const rk_embed_options embed = {.batch = TEXTS, .pool = m->pool};
    check(m, rk_embedder_new(&m->embedder, m->model, &embed, &m->err));
    const size_t length = rk_embedder_length(m->embedder);
    check(m, rk_npy_create(&m->npy, output, RK_DTYPE_F32, length, &m->err));
    m->rows = calloc(TEXTS * length, sizeof *m->rows);
    m->logits = calloc(n_vocab, sizeof *m->logits);
}

static void close_machine(machine *m) {
    free(m->rows);
    free(m->logits);
    rk_npy_abort(&m->npy);
    rk_embedder_free(&m->embedder);
    rk_tokenizer_close(&m->tokenizer);
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    rk_pool_free(&m->pool);
}

static double time_prefill(machine *m, const char *text) {
    uint32_t tokens[CHUNK];
    const double start = now();
    for (size_t first = 0; first < TOKENS; first += CHUNK) {
        const size_t n = TOKENS - first < CHUNK ? TOKENS - first : CHUNK;
        for (size_t i = 0; i < n; i++) tokens[i] = (unsigned char)text[first + i];
        check(m, rk_eval(m->context, m->state, tokens, n, RK_LOGITS_LAST, m->logits, &m->err));
    }
    return now() - start;
}

static double time_embedding(machine *m, const char *text) {
    const size_t length = rk_embedder_length(m->embedder);
    uint32_t *tokens[TEXTS];
    rk_embed_text texts[TEXTS];
    const double start = now();
    for (size_t i = 0; i < TEXTS; i++) {
        check(m, rk_tokenizer_encode(m->tokenizer, text + i * TEXT_BYTES, TEXT_BYTES, &tokens[i],
                                     &texts[i].n_tokens, &m->err));
        texts[i].tokens = tokens[i];
    }
    check(m, rk_embedder_run(m->embedder, texts, TEXTS, m->rows, NULL, &m->err));
    for (size_t i = 0; i < TEXTS; i++) {
        check(m, rk_embedding_check(m->rows + i * length, length, &m->err));
        check(m, rk_npy_append(m->npy, m->rows + i * length, &m->err));
        rk_tokens_free(&tokens[i]);
    }
    return now() - start;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static void run(machine *m, const char *text, size_t n_rounds) {
    static double prefill[MOST_ROUNDS], embedding[MOST_ROUNDS], share[MOST_ROUNDS];
    for (size_t i = 0; i < n_rounds; i++) {
        prefill[i] = time_prefill(m, text);
        embedding[i] = time_embedding(m, text);
        share[i] = prefill[i] / embedding[i];
    }
    printf("%zu rounds of %d tokens: prefill %.0f tokens/s, embedding %.0f tokens/s; embedding is "
           "%.3f of prefill (median of the rounds' ratios)\n",
           n_rounds, TOKENS, TOKENS / median(prefill, n_rounds),
           TOKENS / median(embedding, n_rounds), median(share, n_rounds));
}

static size_t number(const char *text, size_t most) {
    const unsigned long n = strtoul(text, NULL, 10);
    return n < 1 ? 1 : n > most ? most : (size_t)n;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: bench_embedding MODEL TEXT [ROUNDS] [THREADS]\n");
        return 2;
    }
    static char text[TOKENS];
    FILE *file = fopen(argv[2], "re");
    if (file == NULL || fread(text, 1, TOKENS, file) != TOKENS) {
        fprintf(stderr, "bench_embedding: %s: %d bytes are needed\n", argv[2], TOKENS);
        return 1;
    }
    fclose(file);
    char output[] = "/tmp/bench-embedding-XXXXXX";
    const int fd = mkstemp(output); // its name is what counts
    if (fd < 0) {
        perror(output);
        return 1;
    }
    machine m = {0};
    open_machine(&m, argv[1], argc > 4 ? number(argv[4], 1024) : 0, output);
    run(&m, text, argc > 3 ? number(argv[3], MOST_ROUNDS) : 101);
    close_machine(&m);
    remove(output);
    return 0;
}
