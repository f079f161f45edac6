// Models with tokenizers, for tests.
#include "machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scratch.h"
#include "support/small_model.h"

static void open_model(test_machine *m, const char *path, const char *strategy) {
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&m->model, path, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&m->context, m->model, NULL, &err), RK_OK, "%s", err.message);
    m->n_vocab = rk_model_describe(m->model)->dims.n_vocab;
}

test_machine test_machine_demo(const char *strategy) {
    test_machine m = {0};
    open_model(&m, RK_MODELS "/demo/demo-rwkv4.pth", strategy);
    cr_assert_eq(rk_tokenizer_open(&m.tokenizer, m.n_vocab, NULL), RK_OK);
    return m;
}

// Ids 1 .. 256 are the bytes, as in the World vocabulary; these follow.
static const char *const words[] = {"ab",      "ba",   "abc",    "aab",  "bb",      "ca",
                                    ".a",      "c.",   "\\n\\n", ".\\n", ".\\n\\n", "\\na",
                                    "b\\n\\n", "a\\n", "aaaa",   "cab"};
enum { N_WORDS = sizeof words / sizeof words[0], WORD_VOCAB = 257 + N_WORDS + 3 };

static size_t word_length(const char *word) {
    size_t length = 0;
    for (size_t i = 0; word[i]; i++) length += word[i] != '\\';
    return length;
}

static void write_vocabulary(const char *path) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    for (unsigned i = 0; i < 256; i++) {
        if (i < 0x80) {
            fprintf(file, "%u '\\x%02x' 1\n", i + 1, i);
        } else {
            fprintf(file, "%u b'\\x%02x' 1\n", i + 1, i);
        }
    }
    for (unsigned i = 0; i < N_WORDS; i++) {
        fprintf(file, "%u '%s' %zu\n", i + 257, words[i], word_length(words[i]));
    }
    cr_assert_eq(fclose(file), 0);
}

test_machine test_machine_words(const char *strategy) {
    test_machine m = {0};
    rk_error err = {0};
    const test_small_model sizes = {
        .n_vocab = WORD_VOCAB, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 77};
    const char *path = test_scratch_path("words.pth");
    cr_assert(test_small_model_write(path, &sizes));
    open_model(&m, path, strategy);
    path = test_scratch_path("words.txt");
    write_vocabulary(path);
    cr_assert_eq(rk_tokenizer_find(&m.tokenizer, m.n_vocab, NULL, path, &err), RK_OK, "%s",
                 err.message);
    return m;
}

void test_machine_free(test_machine *m) {
    rk_tokenizer_close(&m->tokenizer);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    test_scratch_remove();
}

const uint32_t *test_machine_other_tokens(const test_machine *m, size_t *n) {
    static uint32_t others[WORD_VOCAB];
    *n = 0;
    for (uint32_t i = 0; i < m->n_vocab; i++) {
        size_t length;
        const char *text = rk_tokenizer_decode(m->tokenizer, i, &length);
        bool fits = length > 0;
        for (size_t k = 0; k < length; k++) fits = fits && text[k] && strchr("abc.\n", text[k]);
        if (!fits) others[(*n)++] = i;
    }
    return others;
}

bool test_listen(void *user, const char *text, size_t length) {
    test_listener *l = user;
    cr_assert_gt(length, 0);
    cr_assert_leq(l->length + length, TEST_MAX_TEXT);
    memcpy(l->text + l->length, text, length);
    l->length += length;
    return l->refuse_at == 0 || l->length < l->refuse_at;
}

bool test_listen_token(void *user, const rk_drawn_token *token) {
    test_listener *l = user;
    cr_assert_lt(l->n_tokens, TEST_MAX_TEXT);
    l->tokens[l->n_tokens++] = token->token;
    l->log_p_sum += (double)token->log_p;
    return true;
}

size_t test_decode(const test_machine *m, const uint32_t *tokens, size_t n, char *text) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *bytes = rk_tokenizer_decode(m->tokenizer, tokens[i], &length);
        memcpy(text + at, bytes, length);
        at += length;
    }
    return at;
}

void test_same_states(const rk_state *a, size_t sequence_a, const rk_state *b, size_t sequence_b) {
    const size_t n = rk_model_describe(rk_state_model(a))->state_floats;
    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    cr_assert_eq(rk_state_export(a, sequence_a, x, n, NULL), RK_OK);
    cr_assert_eq(rk_state_export(b, sequence_b, y, n, NULL), RK_OK);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(x[i], y[i], "value %zu of %zu: %.9g and %.9g", i, n, (double)x[i],
                     (double)y[i]);
    }
    free(x);
    free(y);
}
