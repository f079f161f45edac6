// Tokenizers used by several threads at once: the thread sanitizer sees that they are only read,
// and every thread gets the same ids.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/tokenizer.h"
#include "support/scratch.h"

enum { N_THREADS = 4, N_ROUNDS = 10 };

static const char *const vocabularies[] = {
    RK_TEST_DATA "/tokenizer/tiny_world.txt",
    RK_TEST_DATA "/tokenizer/tiny_bpe.json",
};

// What all threads see.
typedef struct work {
    const rk_tokenizer *tokenizer;
    const char *text; // [length]
    size_t length;
    const uint32_t *expected; // [n_expected]
    size_t n_expected;
} work;

static void fail(const char *message) {
    printf("%s\n", message);
    exit(1);
}

// Gives NULL when all went well.
static void *encode(void *argument) {
    static char problem[] = "another thread's ids are different";
    const work *w = argument;
    bool same = true;
    for (int i = 0; i < N_ROUNDS; i++) {
        uint32_t *tokens;
        size_t n;
        if (rk_tokenizer_encode(w->tokenizer, w->text, w->length, &tokens, &n, NULL) != RK_OK) {
            return problem;
        }
        same = same && n == w->n_expected && memcmp(tokens, w->expected, n * sizeof *tokens) == 0;
        rk_tokens_free(&tokens);
    }
    return same ? NULL : problem;
}

static void encode_together(work *w) {
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        if (pthread_create(&threads[i], NULL, encode, w) != 0) fail("no thread could be started");
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        void *problem;
        if (pthread_join(threads[i], &problem) != 0) fail("a thread could not be waited for");
        if (problem) fail(problem);
    }
}

int main(void) {
    work w = {0};
    char *text = (char *)test_read_file(RK_TEST_DATA "/tokenizer/sample.txt", &w.length);
    if (!text) fail("the sample text is missing");
    w.text = text;
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++) {
        rk_tokenizer *tokenizer;
        rk_error err;
        if (rk_tokenizer_load(&tokenizer, vocabularies[i], &err) != RK_OK) fail(err.message);
        uint32_t *expected;
        if (rk_tokenizer_encode(tokenizer, w.text, w.length, &expected, &w.n_expected, &err) !=
            RK_OK) {
            fail(err.message);
        }
        w.tokenizer = tokenizer;
        w.expected = expected;
        encode_together(&w);
        rk_tokens_free(&expected);
        rk_tokenizer_close(&tokenizer);
    }
    free(text);
    return 0;
}
