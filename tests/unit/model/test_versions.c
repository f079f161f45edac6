// Every version of RWKV against the float64 reference: logits after each token and the final state,
// one token at a time, in chunks, in batches, and through a state saved in the middle.
//
// The checkpoints, tokens and expected values come from tests/data/models/make_models.py.
#include "rk/convert.h"
#include "rk/model.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(versions, .fini = test_scratch_remove);

static const float tolerance = 2e-4F;

// A fixture: a checkpoint with what the reference makes of its tokens.
typedef struct fixture {
    const char *name, *arch_name;
    float group_norm_eps; // 0: the default
    const char *variant;  // of the expected values: "", or ".eps1e-5"
    uint32_t *tokens;     // [n_tokens]
    float *logits;        // [n_tokens][n_vocab]
    float *state;
    size_t n_tokens, n_vocab, n_state;
    rk_model *model;
} fixture;

static char folder[512];

static void find_folder(void) {
    const char *other = getenv("RK_TEST_FIXTURES"); // the larger ones that these are samples of
    (void)snprintf(folder, sizeof folder, "%s", other != NULL ? other : RK_TEST_DATA "/models");
}

static void *read_file(const char *name, const char *ending, size_t *size) {
    char path[768];
    (void)snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    cr_assert_eq(fread(data, 1, *size, file), *size);
    data[*size] = '\0';
    fclose(file);
    return data;
}

// Reads a JSON list of small numbers.
static uint32_t *read_tokens(const char *name, size_t *n) {
    size_t size = 0;
    char *text = read_file(name, ".tokens.json", &size);
    uint32_t *tokens = calloc(size, sizeof tokens[0]);
    *n = 0;
    for (char *p = text; *p != '\0';) {
        if (*p >= '0' && *p <= '9') {
            tokens[(*n)++] = (uint32_t)strtoul(p, &p, 10);
        } else {
            p++;
        }
    }
    free(text);
    return tokens;
}

static void open_fixture(fixture *f, const char *path) {
    rk_error err;
    const rk_model_options options = {.strategy = "cpu fp32",
                                      .rwkv5_group_norm_eps = f->group_norm_eps};
    cr_assert_eq(rk_model_open(&f->model, path, &options, &err), RK_OK, "%s", err.message);
    const rk_model_info *info = rk_model_describe(f->model);
    cr_assert_str_eq(info->arch_name, f->arch_name);
    f->n_vocab = info->dims.n_vocab;
    f->n_state = info->state_floats;
    f->tokens = read_tokens(f->name, &f->n_tokens);
    char ending[64];
    size_t size = 0;
    (void)snprintf(ending, sizeof ending, ".logits%s.f32", f->variant);
    f->logits = read_file(f->name, ending, &size);
    cr_assert_eq(size, f->n_tokens * f->n_vocab * sizeof(float));
    (void)snprintf(ending, sizeof ending, ".state%s.f32", f->variant);
    f->state = read_file(f->name, ending, &size);
    cr_assert_eq(size, f->n_state * sizeof(float));
}

static void close_fixture(fixture *f) {
    free(f->tokens);
    free(f->logits);
    free(f->state);
    rk_model_close(&f->model);
}

static void compare(const fixture *f, const char *what, const float *found, const float *expected,
                    size_t n) {
    float worst = 0.0F;
    for (size_t i = 0; i < n; i++) {
        const float error = fabsf(found[i] - expected[i]);
        if (!(error <= worst)) worst = error;
    }
    cr_assert(worst <= tolerance, "%s, %s: off by %g", f->name, what, (double)worst);
}

// One sequence, `chunk` tokens a call.
static void check_chunks(const fixture *f, size_t chunk) {
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err;
    const rk_context_options options = {.max_chunk = chunk};
    cr_assert_eq(rk_context_new(&context, f->model, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&state, f->model, 1, &err), RK_OK, "%s", err.message);
    float *logits = calloc(f->n_tokens * f->n_vocab, sizeof logits[0]);
    float *flat = calloc(f->n_state, sizeof flat[0]);
    for (size_t t = 0; t < f->n_tokens; t += chunk) {
        const size_t left = f->n_tokens - t;
        cr_assert_eq(rk_eval(context, state, f->tokens + t, left < chunk ? left : chunk,
                             RK_LOGITS_ALL, logits + t * f->n_vocab, &err),
                     RK_OK, "%s", err.message);
    }
    char what[64];
    (void)snprintf(what, sizeof what, "logits in chunks of %zu", chunk);
    compare(f, what, logits, f->logits, f->n_tokens * f->n_vocab);
    cr_assert_eq(rk_state_export(state, 0, flat, f->n_state, &err), RK_OK);
    compare(f, "final state", flat, f->state, f->n_state);
    free(logits);
    free(flat);
    rk_state_free(&state);
    rk_context_free(&context);
}

// Three sequences together: the tokens, their first half, and the tokens again one behind.
static void check_batch(const fixture *f) {
    enum { N = 3 };
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err;
    cr_assert_eq(rk_context_new(&context, f->model, NULL, &err), RK_OK);
    cr_assert_eq(rk_state_new(&state, f->model, N, &err), RK_OK);
    const size_t lengths[N] = {f->n_tokens, f->n_tokens / 2, f->n_tokens - 1};
    float *logits[N];
    rk_sequence sequences[N];
    for (size_t i = 0; i < N; i++) {
        logits[i] = calloc(f->n_vocab, sizeof logits[i][0]);
        sequences[i] = (rk_sequence){.index = i,
                                     .tokens = f->tokens,
                                     .n_tokens = lengths[i],
                                     .wanted = RK_LOGITS_LAST,
                                     .logits = logits[i]};
    }
    cr_assert_eq(rk_eval_batch(context, state, sequences, N, &err), RK_OK, "%s", err.message);
    for (size_t i = 0; i < N; i++) {
        compare(f, "batch", logits[i], f->logits + (lengths[i] - 1) * f->n_vocab, f->n_vocab);
        free(logits[i]);
    }
    rk_state_free(&state);
    rk_context_free(&context);
}

// The first half, the state saved and loaded into another state, the second half.
static void check_saved_state(const fixture *f) {
    rk_context *context = NULL;
    rk_state *first = NULL;
    rk_state *second = NULL;
    rk_error err;
    const size_t half = f->n_tokens / 2;
    float *flat = calloc(f->n_state, sizeof flat[0]);
    float *logits = calloc(f->n_vocab, sizeof logits[0]);
    cr_assert_eq(rk_context_new(&context, f->model, NULL, &err), RK_OK);
    cr_assert_eq(rk_state_new(&first, f->model, 1, &err), RK_OK);
    cr_assert_eq(rk_state_new(&second, f->model, 1, &err), RK_OK);
    cr_assert_eq(rk_eval(context, first, f->tokens, half, RK_LOGITS_NONE, NULL, &err), RK_OK);
    cr_assert_eq(rk_state_export(first, 0, flat, f->n_state, &err), RK_OK);
    cr_assert_eq(rk_state_import(second, 0, flat, f->n_state, &err), RK_OK);
    cr_assert_eq(rk_eval(context, second, f->tokens + half, f->n_tokens - half, RK_LOGITS_LAST,
                         logits, &err),
                 RK_OK);
    compare(f, "after a saved state", logits, f->logits + (f->n_tokens - 1) * f->n_vocab,
            f->n_vocab);
    free(flat);
    free(logits);
    rk_state_free(&first);
    rk_state_free(&second);
    rk_context_free(&context);
}

static void check_everything(fixture *f, const char *path) {
    open_fixture(f, path);
    static const size_t chunks[] = {1, 2, 7, 64, 96};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) check_chunks(f, chunks[i]);
    check_batch(f);
    check_saved_state(f);
    close_fixture(f);
}

// The checkpoint as it is, a model file made from it, and one made from that.
static void check(const char *name, const char *arch_name, float eps, const char *variant) {
    fixture f = {.name = name, .arch_name = arch_name, .group_norm_eps = eps, .variant = variant};
    char checkpoint[768];
    find_folder();
    (void)snprintf(checkpoint, sizeof checkpoint, "%s/%s.pth", folder, name);
    const char *const paths[] = {checkpoint, test_scratch_path("first.bin"),
                                 test_scratch_path("second.bin")};
    const rk_convert_options options = {.dtype = RK_DTYPE_F32};
    rk_error err;
    for (size_t i = 0; i < 3; i++) {
        if (i > 0) {
            cr_assert_eq(rk_convert(paths[i - 1], paths[i], &options, NULL, &err), RK_OK, "%s",
                         err.message);
        }
        check_everything(&f, paths[i]);
    }
    cr_assert(test_same_bytes(paths[1], paths[2]), "a copy of a model file is the same");
}

Test(versions, rwkv4) {
    check("v4", "RWKV-4", 0.0F, "");
}
Test(versions, rwkv4_with_odd_width) {
    check("v4-96", "RWKV-4", 0.0F, "");
}
Test(versions, rwkv5_1) {
    check("v5.1", "RWKV-5.1", 0.0F, "");
}
Test(versions, rwkv5_1_gated) {
    check("v5.1g", "RWKV-5.1 (gated)", 0.0F, "");
}
Test(versions, rwkv5_2) {
    check("v5.2", "RWKV-5.2", 0.0F, "");
}
Test(versions, rwkv6) {
    check("v6", "RWKV-6", 0.0F, "");
}
Test(versions, rwkv7) {
    check("v7", "RWKV-7", 0.0F, "");
}
Test(versions, rwkv7_with_unused_tensors) {
    check("v7-v0", "RWKV-7", 0.0F, "");
}
Test(versions, rwkv7_in_another_order) {
    check("v7-sorted", "RWKV-7", 0.0F, "");
}

// rwkv.cpp's epsilon, which rwkv.h keeps.
Test(versions, rwkv5_1_with_small_eps) {
    check("v5.1", "RWKV-5.1", 1e-5F, ".eps1e-5");
}
Test(versions, rwkv5_1_gated_with_small_eps) {
    check("v5.1g", "RWKV-5.1 (gated)", 1e-5F, ".eps1e-5");
}
Test(versions, rwkv5_2_with_small_eps) {
    check("v5.2", "RWKV-5.2", 1e-5F, ".eps1e-5");
}

// ---- other types

// Largest difference of any logit to the reference, over all tokens, in `strategy`.
static float distance(fixture *f, const char *checkpoint, const char *strategy) {
    rk_error err;
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_model *model = NULL;
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, checkpoint, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&context, model, NULL, &err), RK_OK);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK);
    const size_t n = f->n_tokens * f->n_vocab;
    cr_assert_gt(n, 0);
    float *logits = calloc(n, sizeof logits[0]);
    cr_assert_eq(rk_eval(context, state, f->tokens, f->n_tokens, RK_LOGITS_ALL, logits, &err),
                 RK_OK);
    float worst = 0.0F;
    for (size_t i = 0; i < n; i++) {
        const float error = fabsf(logits[i] - f->logits[i]);
        if (!(error <= worst)) worst = error;
    }
    free(logits);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
    return worst;
}

// Every type runs in every version, whether or not its blocks fit the matrices (those that they do
// not fit stay FP16), and stays as near to the reference as its bits let expect. Logits have a
// deviation of about 2.
Test(versions, every_type_runs_in_every_version) {
    static const char *const names[][2] = {{"v4", "RWKV-4"},     {"v4-96", "RWKV-4"},
                                           {"v5.1", "RWKV-5.1"}, {"v5.1g", "RWKV-5.1 (gated)"},
                                           {"v5.2", "RWKV-5.2"}, {"v6", "RWKV-6"},
                                           {"v7", "RWKV-7"}};
    static const struct {
        const char *strategy;
        float limit;
    } types[] = {{"cpu fp16", 0.02F}, {"cpu bf16", 0.3F}, {"cpu Q8_0", 0.4F}, {"cpu Q5_1", 3.2F},
                 {"cpu Q5_0", 2.5F},  {"cpu Q4_1", 2.3F}, {"cpu Q4_0", 2.8F}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[768];
        find_folder();
        (void)snprintf(path, sizeof path, "%s/%s.pth", folder, names[i][0]);
        fixture f = {.name = names[i][0], .arch_name = names[i][1], .variant = ""};
        open_fixture(&f, path);
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            const float found = distance(&f, path, types[t].strategy);
            fprintf(stderr, "%s, %s: largest difference to the reference %g\n", f.name,
                    types[t].strategy, (double)found);
            cr_assert(found <= types[t].limit, "%s, %s: off by %g", f.name, types[t].strategy,
                      (double)found);
        }
        close_fixture(&f);
    }
}
