// State files: saved, loaded, refused; tuned initial states.
#include "rk/state_file.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "support/scratch.h"

TestSuite(state_file, .fini = test_scratch_remove);

static rk_error err;

static rk_model *open_model(const char *path, const char *strategy) {
    rk_model *model = NULL;
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    return model;
}

static rk_state *new_state(rk_model *model) {
    rk_state *state = NULL;
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK, "%s", err.message);
    return state;
}

// Runs some tokens, so that the state is not empty.
static void advance(rk_model *model, rk_state *state) {
    rk_context *context = NULL;
    const uint32_t tokens[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
    cr_assert_eq(rk_context_new(&context, model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_eval(context, state, tokens, 16, RK_LOGITS_NONE, NULL, &err), RK_OK);
    rk_context_free(&context);
}

static const char *const models[] = {"v4", "v4-96", "v5.1", "v5.2", "v6", "v7"};
enum { N_MODELS = sizeof models / sizeof models[0] };

static const char *model_path(const char *name) {
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/models/%s.pth", RK_TEST_DATA, name);
    return path;
}

Test(state_file, comes_back_as_it_was) {
    const char *path = test_scratch_path("state");
    for (size_t i = 0; i < N_MODELS; i++) {
        rk_model *model = open_model(model_path(models[i]), "cpu");
        rk_state *state = new_state(model);
        rk_state *loaded = new_state(model);
        rk_state_difference difference;
        advance(model, state);
        cr_assert_eq(rk_state_compare(state, 0, loaded, 0, &difference, &err), RK_OK);
        cr_assert_gt(difference.max_abs, 0.01);
        cr_assert_gt(difference.relative, 0.01);
        cr_assert_eq(rk_state_save(state, 0, path, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_state_load(loaded, 0, path, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_state_compare(state, 0, loaded, 0, &difference, &err), RK_OK);
        cr_assert_eq(difference.max_abs, 0.0);
        cr_assert_eq(difference.relative, 0.0);
        rk_state_free(&state);
        rk_state_free(&loaded);
        rk_model_close(&model);
    }
}

Test(state_file, fits_every_quantization_and_no_other_model) {
    const char *path = test_scratch_path("state");
    const char *file = test_scratch_path("model.bin");
    rk_model *model = open_model(model_path("v7"), "cpu");
    rk_state *state = new_state(model);
    advance(model, state);
    cr_assert_eq(rk_state_save(state, 0, path, &err), RK_OK, "%s", err.message);

    const rk_convert_options options = {.dtype = RK_DTYPE_Q4_0};
    cr_assert_eq(rk_convert(model_path("v7"), file, &options, NULL, &err), RK_OK, "%s",
                 err.message);
    rk_model *quantized = open_model(file, "cpu");
    rk_state *other = new_state(quantized);
    cr_assert_eq(rk_state_load(other, 0, path, &err), RK_OK, "%s", err.message);

    rk_model *smaller = open_model(model_path("v7-v0"), "cpu");
    rk_state *foreign = new_state(smaller);
    cr_assert_eq(rk_state_load(foreign, 0, path, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, "3 layers, n_embd 64, 2 heads of 32"), "%s",
                       err.message);
    rk_state_free(&state);
    rk_state_free(&other);
    rk_state_free(&foreign);
    rk_model_close(&model);
    rk_model_close(&quantized);
    rk_model_close(&smaller);
}

// A saved file with one byte changed must not load, and the state must stay as it was.
static void check_changed(rk_state *state, const char *path, const unsigned char *bytes,
                          size_t size, size_t at, const char *reason) {
    unsigned char *changed = malloc(size);
    rk_state_difference difference;
    rk_state *before = new_state((rk_model *)rk_state_model(state));
    memcpy(changed, bytes, size);
    changed[at] ^= 0x40;
    cr_assert(test_write_file(path, changed, size));
    cr_assert_neq(rk_state_load(state, 0, path, &err), RK_OK, "byte %zu", at);
    cr_assert_not_null(strstr(err.message, reason), "byte %zu: %s", at, err.message);
    cr_assert_not_null(strstr(err.message, path), "%s", err.message);
    cr_assert_eq(rk_state_compare(state, 0, before, 0, &difference, &err), RK_OK);
    cr_assert_eq(difference.max_abs, 0.0);
    rk_state_free(&before);
    free(changed);
}

Test(state_file, damage_is_noticed) {
    const char *path = test_scratch_path("state");
    rk_model *model = open_model(model_path("v6"), "cpu");
    rk_state *state = new_state(model);
    advance(model, state);
    cr_assert_eq(rk_state_save(state, 0, path, &err), RK_OK);
    size_t size = 0;
    unsigned char *bytes = test_read_file(path, &size);
    cr_assert_eq(rk_state_clear(state, 0, &err), RK_OK);
    check_changed(state, path, bytes, size, 8, "version 65");
    check_changed(state, path, bytes, size, 16, "66 layers");
    check_changed(state, path, bytes, size, 42, "another model");
    check_changed(state, path, bytes, size, 64, "checksum");
    check_changed(state, path, bytes, size, size - 1, "checksum");
    check_changed(state, path, bytes, size, 0, "state"); // no state file any more

    cr_assert(test_write_file(path, bytes, size - 4));
    cr_assert_eq(rk_state_load(state, 0, path, &err), RK_ERR_FORMAT);
    cr_assert_not_null(strstr(err.message, "bytes, expected"), "%s", err.message);
    for (size_t n = 0; n < 64; n++) {
        cr_assert(test_write_file(path, bytes, n));
        cr_assert_neq(rk_state_load(state, 0, path, &err), RK_OK, "%zu bytes", n);
    }
    free(bytes);
    rk_state_free(&state);
    rk_model_close(&model);
}

Test(state_file, values_that_are_not_finite_are_refused) {
    const char *path = test_scratch_path("state");
    rk_model *model = open_model(model_path("v4"), "cpu");
    rk_state *state = new_state(model);
    const size_t n = rk_model_describe(model)->state_floats;
    float *flat = calloc(n, sizeof flat[0]);
    flat[7] = NAN;
    cr_assert_eq(rk_state_import(state, 0, flat, n, &err), RK_OK);
    cr_assert_eq(rk_state_save(state, 0, path, &err), RK_OK);
    cr_assert_eq(rk_state_load(state, 0, path, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "value 7 of the state is nan"), "%s", err.message);
    free(flat);
    rk_state_free(&state);
    rk_model_close(&model);
}

// tests/data/models/make_models.py puts value 100 layer + 10 head + i + j / 100 at [head][i][j].
static void check_tuned(const float *flat, const rk_dims *dims) {
    const size_t n = dims->head_size;
    for (size_t layer = 0; layer < dims->n_layer; layer++) {
        const float *heads = flat + layer * (2 + n) * dims->n_embd + 2 * dims->n_embd;
        for (size_t h = 0; h < dims->n_head; h++) {
            for (size_t i = 0; i < n * n; i++) {
                const size_t row = i / n;
                const size_t column = i % n;
                const double expected =
                    100.0 * (double)layer + 10.0 * (double)h + (double)column + (double)row / 100.0;
                cr_assert_float_eq(heads[h * n * n + i], expected, 1e-4, "layer %zu, head %zu, %zu",
                                   layer, h, i);
            }
        }
        for (size_t i = 0; i < 2 * dims->n_embd; i++) {
            cr_assert_eq(flat[layer * (2 + n) * dims->n_embd + i], 0.0F);
        }
    }
}

Test(state_file, tuned_states_are_transposed) {
    static const char *const names[] = {"v6", "v7"};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/models/%s-state.pth", RK_TEST_DATA, names[i]);
        rk_model *model = open_model(model_path(names[i]), "cpu");
        rk_state *state = new_state(model);
        const size_t n = rk_model_describe(model)->state_floats;
        float *flat = calloc(n, sizeof flat[0]);
        advance(model, state);
        cr_assert_eq(rk_state_load(state, 0, path, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_state_export(state, 0, flat, n, &err), RK_OK);
        check_tuned(flat, &rk_model_describe(model)->dims);
        free(flat);
        rk_state_free(&state);
        rk_model_close(&model);
    }
}

Test(state_file, tuned_states_inside_a_checkpoint_begin_every_sequence) {
    rk_model *model = open_model(RK_TEST_DATA "/models/v6-with-state.pth", "cpu");
    rk_state *state = new_state(model);
    const size_t n = rk_model_describe(model)->state_floats;
    float *flat = calloc(n, sizeof flat[0]);
    cr_assert_eq(rk_state_export(state, 0, flat, n, &err), RK_OK);
    check_tuned(flat, &rk_model_describe(model)->dims);
    advance(model, state);
    cr_assert_eq(rk_state_clear(state, 0, &err), RK_OK);
    cr_assert_eq(rk_state_export(state, 0, flat, n, &err), RK_OK);
    check_tuned(flat, &rk_model_describe(model)->dims);
    free(flat);
    rk_state_free(&state);
    rk_model_close(&model);
}

// Converts the model with a tuned state inside and gives the initial state of the result.
static float *initial_state_of_converted(bool keep_state) {
    const char *file = test_scratch_path("model.bin");
    const rk_convert_options options = {.dtype = RK_DTYPE_F16, .keep_state = keep_state};
    rk_convert_result result;
    cr_assert_eq(
        rk_convert(RK_TEST_DATA "/models/v6-with-state.pth", file, &options, &result, &err), RK_OK,
        "%s", err.message);
    cr_assert_eq(result.n_states_left_out, keep_state ? 0 : 2);
    rk_model *model = open_model(file, "cpu");
    rk_state *state = new_state(model);
    const size_t n = rk_model_describe(model)->state_floats;
    float *flat = calloc(n, sizeof flat[0]);
    cr_assert_eq(rk_state_export(state, 0, flat, n, &err), RK_OK);
    if (keep_state) {
        check_tuned(flat, &rk_model_describe(model)->dims);
        // The file as a tuned state for the model without one: not transposed once more.
        rk_model *plain = open_model(model_path("v6"), "cpu");
        rk_state *loaded = new_state(plain);
        cr_assert_eq(rk_state_load(loaded, 0, file, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_state_export(loaded, 0, flat, n, &err), RK_OK);
        check_tuned(flat, &rk_model_describe(plain)->dims);
        rk_state_free(&loaded);
        rk_model_close(&plain);
    }
    rk_state_free(&state);
    rk_model_close(&model);
    return flat;
}

Test(state_file, converting_leaves_tuned_states_out_unless_asked) {
    float *empty = initial_state_of_converted(false);
    for (size_t i = 0; i < 22 * 60; i++) cr_assert_eq(empty[i], 0.0F);
    free(empty);
    free(initial_state_of_converted(true));
}

Test(state_file, tuned_states_of_other_models_are_refused) {
    const char *tuned = RK_TEST_DATA "/models/v6-state.pth";
    rk_model *model = open_model(model_path("v7"), "cpu");
    rk_state *state = new_state(model);
    cr_assert_eq(rk_state_load(state, 0, tuned, &err), RK_ERR_SHAPE);
    cr_assert_not_null(
        strstr(err.message, "blocks.0.att.time_state is [3, 20, 20], expected [2, 32, 32]"), "%s",
        err.message);
    rk_state_free(&state);
    rk_model_close(&model);
    model = open_model(model_path("v4"), "cpu");
    state = new_state(model);
    cr_assert_eq(rk_state_load(state, 0, tuned, &err), RK_ERR_UNSUPPORTED);
    cr_assert_eq(rk_state_load(state, 0, model_path("v4"), &err), RK_ERR_UNSUPPORTED);
    rk_state_free(&state);
    rk_model_close(&model);
}
