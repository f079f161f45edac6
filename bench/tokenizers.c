// How fast tokenizers are: loading a vocabulary, and encoding text on one core.
//
// usage: bench_tokenizers DIR [TEXT...]
//
// DIR has the files that scripts/get-tokenizers fetches. Each text is repeated up to 8 MB; without
// any, the sample of tests/data is taken. Medians of processor time, with the fastest and the
// slowest of all repetitions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rk/tokenizer.h"

enum { REPETITIONS = 11, TEXT_BYTES = 8 << 20, PATH_BYTES = 4096 };

typedef struct text {
    const char *path;
    char *bytes; // [length]
    size_t length;
} text;

// Of the processor's time, since all of this is one thread's computing: what others do on the
// machine counts less.
static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sorts the times: the median is the one in the middle.
static void sort_times(double times[REPETITIONS]) {
    qsort(times, REPETITIONS, sizeof *times, compare_doubles);
}

// The file, again and again, up to TEXT_BYTES.
static bool read_text(text *out, const char *path) {
    *out = (text){.path = path, .bytes = malloc(TEXT_BYTES)};
    FILE *file = fopen(path, "rb");
    if (!file || !out->bytes) {
        perror(path);
        if (file) fclose(file);
        return false;
    }
    const size_t n = fread(out->bytes, 1, TEXT_BYTES, file);
    fclose(file);
    for (out->length = n; n > 0 && out->length + n <= TEXT_BYTES; out->length += n) {
        memcpy(out->bytes + out->length, out->bytes, n);
    }
    return n > 0;
}

static rk_status time_loading(const char *path, rk_error *err) {
    double times[REPETITIONS];
    for (int i = 0; i < REPETITIONS; i++) {
        rk_tokenizer *tokenizer;
        const double begin = seconds_now();
        const rk_status status = rk_tokenizer_load(&tokenizer, path, err);
        times[i] = seconds_now() - begin;
        if (status != RK_OK) return status;
        rk_tokenizer_close(&tokenizer);
    }
    sort_times(times);
    printf("%s\n  load    %8.1f ms   (%.1f .. %.1f)\n", path, 1e3 * times[REPETITIONS / 2],
           1e3 * times[0], 1e3 * times[REPETITIONS - 1]);
    return RK_OK;
}

static rk_status time_encoding(const rk_tokenizer *tokenizer, const text *t, rk_error *err) {
    double times[REPETITIONS];
    size_t n_tokens = 0;
    for (int i = 0; i < REPETITIONS; i++) {
        uint32_t *tokens;
        const double begin = seconds_now();
        const rk_status status =
            rk_tokenizer_encode(tokenizer, t->bytes, t->length, &tokens, &n_tokens, err);
        times[i] = seconds_now() - begin;
        if (status != RK_OK) return status;
        rk_tokens_free(&tokens);
    }
    sort_times(times);
    const double megabytes = 1e-6 * (double)t->length;
    printf("  encode  %8.1f MB/s (%.1f .. %.1f), %.2f bytes a token: %s\n",
           megabytes / times[REPETITIONS / 2], megabytes / times[REPETITIONS - 1],
           megabytes / times[0], (double)t->length / (double)n_tokens, t->path);
    return RK_OK;
}

static bool bench_file(const char *folder, const char *name, const text *texts, int n_texts) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    rk_error err = {0};
    rk_tokenizer *tokenizer = NULL;
    rk_status status = time_loading(path, &err);
    if (status == RK_OK) status = rk_tokenizer_load(&tokenizer, path, &err);
    for (int i = 0; status == RK_OK && i < n_texts; i++) {
        status = time_encoding(tokenizer, &texts[i], &err);
    }
    rk_tokenizer_close(&tokenizer);
    if (status != RK_OK) fprintf(stderr, "%s\n", err.message);
    return status == RK_OK;
}

int main(int argc, char **argv) {
    static char *sample[] = {RK_TEST_DATA "/tokenizer/sample.txt"};
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIR [TEXT...]; scripts/get-tokenizers DIR fetches the files\n",
                argv[0]);
        return 2;
    }
    char **paths = argc > 2 ? argv + 2 : sample;
    const int n_texts = argc > 2 ? argc - 2 : 1;
    text *texts = calloc((size_t)n_texts, sizeof *texts);
    bool fine = texts != NULL;
    for (int i = 0; fine && i < n_texts; i++) fine = read_text(&texts[i], paths[i]);
    fine = fine && bench_file(argv[1], "rwkv_vocab_v20230424.txt", texts, n_texts) &&
           bench_file(argv[1], "20B_tokenizer.json", texts, n_texts);
    for (int i = 0; texts && i < n_texts; i++) free(texts[i].bytes);
    free(texts);
    return fine ? 0 : 1;
}
