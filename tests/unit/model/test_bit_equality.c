// What a result may depend on, for every version: not on the number of threads; with block formats
// not on what is computed together either, to the bit; with float weights only within rounding.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/model.h"
#include "support/model_fixture.h"

static const char *const versions[] = {"v4", "v5.1", "v5.2", "v6", "v7"};
enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

static const struct {
    const char *strategy;
    bool exact; // for any chunk and batch
} types[] = {{"cpu fp32", false}, {"cpu Q4_0", true}, {"cpu Q8_0", true}};
enum { N_TYPES = sizeof types / sizeof types[0] };

// Everything that comes out of a run: the logits after each token, then the final state.
typedef struct result {
    float *values;
    size_t n, n_logits;
} result;

static rk_model *open_model(const char *path, const char *strategy) {
    rk_model *model = NULL;
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    return model;
}

static result new_result(const rk_model *model, size_t n_tokens) {
    const rk_model_info *info = rk_model_describe(model);
    result r = {.n_logits = n_tokens * info->dims.n_vocab};
    r.n = r.n_logits + info->state_floats;
    r.values = calloc(r.n, sizeof r.values[0]);
    return r;
}

static void export_state(result *r, const rk_state *state, size_t sequence) {
    cr_assert_eq(
        rk_state_export(state, sequence, r->values + r->n_logits, r->n - r->n_logits, NULL), RK_OK);
}

// One sequence, `chunk` tokens a call.
static result run(const test_fixture *f, rk_model *model, size_t n_threads, size_t chunk) {
    rk_pool *pool = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    const rk_pool_options pool_options = {.n_threads = n_threads};
    cr_assert_eq(rk_pool_new(&pool, &pool_options, &err), RK_OK, "%s", err.message);
    const rk_context_options options = {.pool = pool, .max_chunk = chunk};
    cr_assert_eq(rk_context_new(&context, model, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK, "%s", err.message);
    result r = new_result(model, f->n_tokens);
    const size_t n_vocab = r.n_logits / f->n_tokens;
    for (size_t t = 0; t < f->n_tokens; t += chunk) {
        const size_t left = f->n_tokens - t;
        cr_assert_eq(rk_eval(context, state, f->tokens + t, left < chunk ? left : chunk,
                             RK_LOGITS_ALL, r.values + t * n_vocab, &err),
                     RK_OK, "%s", err.message);
    }
    export_state(&r, state, 0);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_pool_free(&pool);
    return r;
}

static void expect_equal(const result *a, const result *b, bool exact, const char *what) {
    cr_assert_eq(a->n, b->n);
    if (exact) {
        cr_assert_eq(memcmp(a->values, b->values, a->n * sizeof a->values[0]), 0, "%s", what);
        return;
    }
    double largest = 0.0;
    for (size_t i = 0; i < a->n_logits; i++) largest = fmax(largest, fabs((double)a->values[i]));
    const double found = test_max_difference(a->values, b->values, a->n_logits);
    cr_assert_leq(found, 1e-5 * largest, "%s: off by %g of %g", what, found, largest);
}

static const char *describe(const char *version, const char *strategy, const char *what, size_t n) {
    static char text[128];
    (void)snprintf(text, sizeof text, "%s, %s, %s %zu", version, strategy, what, n);
    return text;
}

// Calls check for every version in every type.
static void for_models(void (*check)(const test_fixture *f, rk_model *model, const char *version,
                                     const char *strategy, bool exact)) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        test_fixture f = test_fixture_read(versions[v], "");
        for (size_t t = 0; t < N_TYPES; t++) {
            rk_model *model = open_model(f.path, types[t].strategy);
            check(&f, model, versions[v], types[t].strategy, types[t].exact);
            rk_model_close(&model);
        }
        test_fixture_free(&f);
    }
}

static void check_threads(const test_fixture *f, rk_model *model, const char *version,
                          const char *strategy, bool exact) {
    (void)exact; // threads never matter
    static const size_t threads[] = {2, 3, 7};
    static const size_t chunks[] = {1, 64};
    for (size_t c = 0; c < 2; c++) {
        result one = run(f, model, 1, chunks[c]);
        for (size_t i = 0; i < 3; i++) {
            result other = run(f, model, threads[i], chunks[c]);
            expect_equal(&one, &other, true, describe(version, strategy, "threads:", threads[i]));
            free(other.values);
        }
        free(one.values);
    }
}

Test(bit_equality, for_any_number_of_threads) {
    for_models(check_threads);
}

static void check_chunks(const test_fixture *f, rk_model *model, const char *version,
                         const char *strategy, bool exact) {
    static const size_t chunks[] = {2, 7, 64, 96};
    result one = run(f, model, 1, 1);
    for (size_t i = 0; i < 4; i++) {
        result other = run(f, model, 1, chunks[i]);
        expect_equal(&one, &other, exact, describe(version, strategy, "chunks of", chunks[i]));
        free(other.values);
    }
    free(one.values);
}

Test(bit_equality, for_any_chunk) {
    for_models(check_chunks);
}

enum { BATCH = 3 };

// The fixture's tokens from `first` on, of which there are `count`, alone.
static result run_part(const test_fixture *f, rk_model *model, size_t first, size_t count) {
    test_fixture part = *f;
    part.tokens += first;
    part.n_tokens = count;
    return run(&part, model, 1, count);
}

// Three sequences of different lengths in one call, in passes of 40 tokens: they share passes and
// are cut in different places.
static void check_batch(const test_fixture *f, rk_model *model, const char *version,
                        const char *strategy, bool exact) {
    static const size_t firsts[BATCH] = {0, 30, 5};
    static const size_t counts[BATCH] = {60, 1, 33};
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    const rk_context_options options = {.max_chunk = 40};
    cr_assert_eq(rk_context_new(&context, model, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&state, model, BATCH, &err), RK_OK, "%s", err.message);
    rk_sequence sequences[BATCH];
    result together[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        together[i] = new_result(model, counts[i]);
        sequences[i] = (rk_sequence){.index = BATCH - 1 - i,
                                     .tokens = f->tokens + firsts[i],
                                     .n_tokens = counts[i],
                                     .wanted = RK_LOGITS_ALL,
                                     .logits = together[i].values};
    }
    cr_assert_eq(rk_eval_batch(context, state, sequences, BATCH, &err), RK_OK, "%s", err.message);
    for (size_t i = 0; i < BATCH; i++) {
        export_state(&together[i], state, BATCH - 1 - i);
        result alone = run_part(f, model, firsts[i], counts[i]);
        expect_equal(&alone, &together[i], exact, describe(version, strategy, "sequence", i));
        free(alone.values);
        free(together[i].values);
    }
    rk_state_free(&state);
    rk_context_free(&context);
}

Test(bit_equality, for_batches) {
    for_models(check_batch);
}
