// Small models and passages for the tests of scorers.
#ifndef TEST_SCORER_MACHINE_H
#define TEST_SCORER_MACHINE_H

#include "rk/eval.h"
#include "support/small_model.h"

typedef struct test_machine {
    rk_model *model;
    rk_context *context;
} test_machine;

// Opens a checkpoint; a failure ends the test.
test_machine test_machine_open(const char *path);

// A model of 40 tokens in a scratch file of that name.
test_machine test_machine_small(const char *name, unsigned seed);
void test_machine_close(test_machine *m);

// Tokens below n_vocab without a pattern that a model could see.
void test_make_tokens(uint32_t *tokens, size_t n, size_t n_vocab, unsigned seed);

// Scores, by a scorer of its own; a failure ends the test. Release with free.
rk_token_score *test_score(const test_machine *m, const rk_passage *passages, size_t n_passages,
                           const rk_scorer_options *options);

// The logits after tokens[0 .. n), computed one token at a time. Release with free.
float *test_logits_after(const test_machine *m, const uint32_t *tokens, size_t n);

#endif
