// Calls with tokens and states that do not belong to the model, for every version: a message with
// names and numbers, and nothing has changed.
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/model.h"
#include "rk/state_file.h"
#include "support/scratch.h"
#include "support/weights_copy.h"

TestSuite(bad_calls, .fini = test_scratch_remove);

static const char *const versions[] = {"v4", "v4-96", "v5.1", "v5.1g", "v5.2", "v6", "v7", "v7-v0"};
enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

// A model in use.
typedef struct machine {
    char path[768];
    rk_model *model;
    rk_context *context;
    rk_state *state; // of two sequences, both advanced by a few tokens
    size_t n_floats, n_vocab;
} machine;

static machine start_path(const char *path) {
    machine m = {0};
    rk_error err = {0};
    (void)snprintf(m.path, sizeof m.path, "%s", path);
    cr_assert_eq(rk_model_open(&m.model, path, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&m.context, m.model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&m.state, m.model, 2, &err), RK_OK, "%s", err.message);
    m.n_floats = rk_model_describe(m.model)->state_floats;
    m.n_vocab = rk_model_describe(m.model)->dims.n_vocab;
    const uint32_t tokens[] = {1, 2, 3, 5, 7};
    const rk_sequence both[] = {{.index = 0, .tokens = tokens, .n_tokens = 5},
                                {.index = 1, .tokens = tokens, .n_tokens = 3}};
    cr_assert_eq(rk_eval_batch(m.context, m.state, both, 2, &err), RK_OK, "%s", err.message);
    return m;
}

static machine start(const char *name) {
    char path[768];
    (void)snprintf(path, sizeof path, "%s/models/%s.pth", RK_TEST_DATA, name);
    return start_path(path);
}

static void stop(machine *m) {
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
}

// A copy of both sequences, to compare with later.
static float *flat_copy(const machine *m) {
    float *flat = malloc(2 * m->n_floats * sizeof *flat);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(rk_state_export(m->state, i, flat + i * m->n_floats, m->n_floats, NULL),
                     RK_OK);
    }
    return flat;
}

static void expect_unchanged(const machine *m, float *before) {
    float *after = flat_copy(m);
    cr_assert_eq(memcmp(before, after, 2 * m->n_floats * sizeof *before), 0, "%s", m->path);
    free(before);
    free(after);
}

static void expect_in(const rk_error *err, const char *text) {
    cr_assert_not_null(strstr(err->message, text), "says '%s': %s", text, err->message);
}

static void check_token(machine *m, uint32_t bad) {
    const uint32_t good[] = {1, 2, 3};
    const uint32_t tokens[] = {1, 2, bad, 3};
    const rk_sequence sequences[] = {{.index = 1, .tokens = good, .n_tokens = 3},
                                     {.index = 0, .tokens = tokens, .n_tokens = 4}};
    float *before = flat_copy(m);
    float logits = 42.0F;
    char numbers[80];
    (void)snprintf(numbers, sizeof numbers, "token 2 is %" PRIu32, bad);
    char size[80];
    (void)snprintf(size, sizeof size, "has %zu", m->n_vocab);
    rk_error err = {0};
    cr_assert_eq(rk_eval(m->context, m->state, tokens, 4, RK_LOGITS_LAST, &logits, &err),
                 RK_ERR_RANGE);
    expect_in(&err, numbers);
    expect_in(&err, size);
    expect_in(&err, m->path);
    cr_assert_eq(logits, 42.0F);
    // A bad token of one sequence keeps all of them where they are.
    cr_assert_eq(rk_eval_batch(m->context, m->state, sequences, 2, &err), RK_ERR_RANGE);
    expect_unchanged(m, before);
}

Test(bad_calls, tokens_out_of_range) {
    for (size_t i = 0; i < N_VERSIONS; i++) {
        machine m = start(versions[i]);
        check_token(&m, (uint32_t)m.n_vocab);
        check_token(&m, (uint32_t)m.n_vocab + 1);
        check_token(&m, UINT32_MAX);
        stop(&m);
    }
}

Test(bad_calls, states_of_the_wrong_length) {
    for (size_t i = 0; i < N_VERSIONS; i++) {
        machine m = start(versions[i]);
        float *before = flat_copy(&m);
        float *flat = calloc(m.n_floats + 1, sizeof *flat);
        const size_t lengths[] = {0, 1, m.n_floats - 1, m.n_floats + 1, SIZE_MAX};
        for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
            char given[80];
            char right[80];
            (void)snprintf(given, sizeof given, "a state of %zu floats", lengths[k]);
            (void)snprintf(right, sizeof right, "have %zu", m.n_floats);
            rk_error err = {0};
            cr_assert_eq(rk_state_import(m.state, 1, flat, lengths[k], &err), RK_ERR_SHAPE);
            expect_in(&err, given);
            expect_in(&err, right);
            expect_in(&err, m.path);
            cr_assert_eq(rk_state_export(m.state, 1, flat, lengths[k], &err), RK_ERR_SHAPE);
            expect_in(&err, given);
        }
        for (size_t k = 0; k <= m.n_floats; k++) cr_assert_eq(flat[k], 0.0F, "written to");
        free(flat);
        expect_unchanged(&m, before);
        stop(&m);
    }
}

// The state of `from`, in memory and as a file, is none of `to`.
static void check_foreign(machine *to, const machine *from, const char *file) {
    const uint32_t token = 1;
    float *before = flat_copy(to);
    rk_error err = {0};
    cr_assert_eq(rk_eval(to->context, from->state, &token, 1, RK_LOGITS_NONE, NULL, &err),
                 RK_ERR_MISMATCH);
    expect_in(&err, from->path);
    expect_in(&err, to->path);
    cr_assert_eq(rk_state_copy(to->state, 0, from->state, 0, &err), RK_ERR_MISMATCH);
    expect_in(&err, from->path);
    expect_in(&err, to->path);
    cr_assert_eq(rk_state_load(to->state, 0, file, &err), RK_ERR_MISMATCH, "%s in %s", from->path,
                 to->path);
    expect_in(&err, file);
    expect_in(&err, to->path);
    expect_unchanged(to, before);
}

Test(bad_calls, states_of_another_model) {
    for (size_t i = 0; i < N_VERSIONS; i++) {
        machine from = start(versions[i]);
        const char *file = test_scratch_path("state");
        rk_error err = {0};
        cr_assert_eq(rk_state_save(from.state, 0, file, &err), RK_OK, "%s", err.message);
        for (size_t k = 0; k < N_VERSIONS; k++) {
            if (k == i) continue;
            machine to = start(versions[k]);
            check_foreign(&to, &from, file);
            stop(&to);
        }
        stop(&from);
    }
}

// The same sizes do not make it the same model: one value of a layer norm tells them apart.
Test(bad_calls, states_of_a_model_of_the_same_sizes) {
    for (size_t i = 0; i < N_VERSIONS; i++) {
        machine from = start(versions[i]);
        const char *file = test_scratch_path("state");
        const char *changed = test_scratch_path("changed.pth");
        cr_assert_eq(rk_state_save(from.state, 0, file, NULL), RK_OK);
        test_weights weights;
        cr_assert(test_weights_read(&weights, from.path));
        for (size_t k = 0; k < weights.count; k++) {
            if (strcmp(weights.tensors[k].name, "blocks.1.ln2.bias") != 0) continue;
            ((float *)(uintptr_t)weights.tensors[k].data)[7] += 0.25F;
        }
        cr_assert(test_weights_write(&weights, changed));
        test_weights_free(&weights);
        machine to = start_path(changed);
        check_foreign(&to, &from, file);
        stop(&to);
        stop(&from);
    }
}
