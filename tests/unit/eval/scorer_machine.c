// Small models and passages for the tests of scorers.
#include "scorer_machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/scratch.h"

test_machine test_machine_open(const char *path) {
    test_machine m = {0};
    rk_error err = {0};
    cr_assert_eq(rk_model_open(&m.model, path, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&m.context, m.model, NULL, &err), RK_OK, "%s", err.message);
    return m;
}

test_machine test_machine_small(const char *name, unsigned seed) {
    const test_small_model sizes = {
        .n_vocab = 40, .n_embd = 16, .n_layer = 2, .n_ffn = 32, .seed = seed};
    const char *path = test_scratch_path(name);
    cr_assert(test_small_model_write(path, &sizes));
    return test_machine_open(path);
}

void test_machine_close(test_machine *m) {
    rk_context_free(&m->context);
    rk_model_close(&m->model);
}

void test_make_tokens(uint32_t *tokens, size_t n, size_t n_vocab, unsigned seed) {
    for (size_t i = 0; i < n; i++) {
        tokens[i] = (uint32_t)((i * i * 31 + i * 7 + 5 + seed * (i % 11)) % n_vocab);
    }
}

rk_token_score *test_score(const test_machine *m, const rk_passage *passages, size_t n_passages,
                           const rk_scorer_options *options) {
    rk_scorer *scorer = NULL;
    rk_error err = {0};
    const size_t n = rk_passages_scores(passages, n_passages);
    rk_token_score *scores = malloc((n + 1) * sizeof *scores);
    cr_assert_eq(rk_scorer_new(&scorer, m->context, options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_scorer_run(scorer, passages, n_passages, 0, NULL, scores, &err), RK_OK, "%s",
                 err.message);
    rk_scorer_free(&scorer);
    return scores;
}

float *test_logits_after(const test_machine *m, const uint32_t *tokens, size_t n) {
    rk_state *state = NULL;
    rk_error err = {0};
    const size_t n_vocab = rk_model_describe(m->model)->dims.n_vocab;
    float *logits = malloc(n_vocab * sizeof *logits);
    cr_assert_eq(rk_state_new(&state, m->model, 1, &err), RK_OK, "%s", err.message);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(rk_eval(m->context, state, tokens + i, 1, RK_LOGITS_LAST, logits, &err), RK_OK,
                     "%s", err.message);
    }
    rk_state_free(&state);
    return logits;
}
