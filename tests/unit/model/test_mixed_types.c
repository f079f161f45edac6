// Models whose tensors have types of their own, in any combination: they load, and compute what the
// same values in float32 do, but for the rounding of activations.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../arch/made_up_model.h"
#include "rk/convert.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"

TestSuite(mixed_types, .fini = test_scratch_remove);

static const test_sizes sizes = {3,
                                 {['V'] = 64,
                                  ['C'] = 64,
                                  ['F'] = 96,
                                  ['H'] = 2,
                                  ['N'] = 32,
                                  ['M'] = 32,
                                  ['J'] = 160,
                                  ['W'] = 32,
                                  ['A'] = 32,
                                  ['U'] = 32,
                                  ['G'] = 64}};

static const rk__arch *const versions[] = {&rk__arch_rwkv4, &rk__arch_rwkv5, &rk__arch_rwkv6,
                                           &rk__arch_rwkv7};
enum { N_VERSIONS = sizeof versions / sizeof versions[0], N_TOKENS = 12, N_VOCAB = 64 };

static rk_error err;

typedef float logits[N_TOKENS * N_VOCAB];

static void run(const char *path, const char *strategy, logits out) {
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    uint32_t tokens[N_TOKENS];
    for (size_t i = 0; i < N_TOKENS; i++) tokens[i] = (uint32_t)(i * 37 % N_VOCAB);
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&context, model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_eval(context, state, tokens, N_TOKENS, RK_LOGITS_ALL, out, &err), RK_OK, "%s",
                 err.message);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
}

// The root mean square of the differences, as a share of that of the values.
static double relative_distance(const logits a, const logits b) {
    double errors = 0.0, squares = 0.0;
    for (size_t i = 0; i < N_TOKENS * N_VOCAB; i++) {
        errors += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        squares += (double)b[i] * (double)b[i];
    }
    return sqrt(errors / squares);
}

static void convert(const char *input, const char *output, const rk_convert_options *options) {
    cr_assert_eq(rk_convert(input, output, options, NULL, &err), RK_OK, "%s", err.message);
}

// The mixed file against its own values in float32.
static double distance_from_values(const char *mixed) {
    const char *wide = test_scratch_path("wide.bin");
    const rk_convert_options expand = {.dtype = RK_DTYPE_F32, .allow_requantize = true};
    logits found, expected;
    convert(mixed, wide, &expand);
    run(mixed, "cpu", found);
    run(wide, "cpu", expected);
    return relative_distance(found, expected);
}

// ---- every matrix in a type of its own

static const rk_dtype types[] = {RK_DTYPE_F32,  RK_DTYPE_F16,  RK_DTYPE_Q4_0, RK_DTYPE_Q4_1,
                                 RK_DTYPE_Q5_0, RK_DTYPE_Q5_1, RK_DTYPE_Q8_0};
enum { N_TYPES = sizeof types / sizeof types[0], MOST_RULES = 256 };

typedef struct mixture {
    rk_type_rule rules[MOST_RULES];
    char patterns[MOST_RULES][RK__NAME_TEXT + 8];
    size_t n;
} mixture;

static mixture *mix_randomly(const rk__arch *arch, unsigned seed) {
    mixture *m = calloc(1, sizeof *m);
    test_made_up_model *model = test_make_up_model(arch, &sizes, RK_DTYPE_F32);
    uint32_t x = seed * 2654435761U + 1;
    for (size_t i = 0; i < model->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &model->plan.tensors[i];
        if (rk__arch_is_vector(tensor->row)) continue;
        if (tensor->row->part > 0) continue; // the first one speaks for all
        x = x * 1664525U + 1013904223U;
        cr_assert_lt(m->n, (size_t)MOST_RULES);
        (void)snprintf(m->patterns[m->n], sizeof m->patterns[0], "^%s$",
                       model->tensors[tensor->source].name);
        m->rules[m->n] = (rk_type_rule){m->patterns[m->n], types[(x >> 16) % N_TYPES]};
        m->n++;
    }
    test_made_up_model_free(model);
    return m;
}

Test(mixed_types, any_mixture_runs_in_every_version) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *checkpoint = test_scratch_path("model.pth");
        const char *mixed = test_scratch_path("mixed.bin");
        cr_assert(test_made_up_write(checkpoint, versions[v], &sizes));
        for (unsigned seed = 1; seed <= 12; seed++) {
            mixture *m = mix_randomly(versions[v], seed);
            const rk_convert_options options = {
                .dtype = RK_DTYPE_Q4_0, .rules = m->rules, .n_rules = m->n};
            convert(checkpoint, mixed, &options);
            const double found = distance_from_values(mixed);
            cr_expect(found < 0.05, "%s, seed %u: %g", versions[v]->name, seed, found);
            free(m);
        }
    }
}

// ---- the mixes

Test(mixed_types, the_mixes_run_in_every_version) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *checkpoint = test_scratch_path("model.pth");
        const char *mixed = test_scratch_path("mixed.bin");
        cr_assert(test_made_up_write(checkpoint, versions[v], &sizes));
        for (rk_dtype dtype = RK_DTYPE_Q4_0; dtype <= RK_DTYPE_Q8_0; dtype++) {
            for (int mix = RK_MIX_DEFAULT; mix <= RK_MIX_PURE; mix++) {
                const rk_convert_options options = {.dtype = dtype, .mix = (rk_mix)mix};
                convert(checkpoint, mixed, &options);
                const double found = distance_from_values(mixed);
                cr_expect(found < 0.05, "%s, %s, mix %d: %g", versions[v]->name,
                          rk_dtype_describe(dtype)->name, mix, found);
            }
        }
    }
}

// A file quantized by default, and its checkpoint quantized while it is loaded, are one model.
Test(mixed_types, loading_follows_the_same_rule) {
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *checkpoint = test_scratch_path("model.pth");
        const char *file = test_scratch_path("file.bin");
        cr_assert(test_made_up_write(checkpoint, versions[v], &sizes));
        for (rk_dtype dtype = RK_DTYPE_F32; dtype <= RK_DTYPE_Q8_0; dtype++) {
            char strategy[32];
            logits of_file, of_checkpoint;
            if (dtype == RK_DTYPE_BF16) continue; // not in files
            const rk_convert_options options = {.dtype = dtype};
            convert(checkpoint, file, &options);
            (void)snprintf(strategy, sizeof strategy, "cpu %s", rk_dtype_describe(dtype)->name);
            run(file, "cpu", of_file);
            run(checkpoint, strategy, of_checkpoint);
            cr_expect_arr_eq(of_file, of_checkpoint, sizeof of_file, "%s, %s", versions[v]->name,
                             strategy);
            run(file, strategy, of_checkpoint); // once more: nothing is rounded again
            cr_expect_arr_eq(of_file, of_checkpoint, sizeof of_file, "%s, %s", versions[v]->name,
                             strategy);
        }
    }
}

// What the header says, and what loaded models say, is the type of most values.
Test(mixed_types, the_main_type_is_that_of_most_values) {
    const char *checkpoint = test_scratch_path("model.pth");
    const char *mixed = test_scratch_path("mixed.bin");
    cr_assert(test_made_up_write(checkpoint, &rk__arch_rwkv4, &sizes));
    const rk_type_rule rules[] = {{"ffn\\.(key|value)\\.weight", RK_DTYPE_Q5_0},
                                  {"head.weight", RK_DTYPE_Q4_0},
                                  {"emb.weight", RK_DTYPE_Q8_0}};
    const rk_convert_options options = {
        .dtype = RK_DTYPE_Q8_0, .mix = RK_MIX_DEFAULT, .rules = rules, .n_rules = 3};
    convert(checkpoint, mixed, &options);
    test_model_file file;
    cr_assert(test_model_file_read(&file, mixed));
    // 2 x 96 x 64 values of Q5_0, 5 x 64 x 64 of Q8_0 a layer
    cr_expect_eq(file.type, 9);
    cr_expect_eq(test_model_file_find(&file, "head.weight")->type, 2);
    cr_expect_eq(test_model_file_find(&file, "emb.weight")->type, 9);
    cr_expect_eq(test_model_file_find(&file, "blocks.2.ffn.key.weight")->type, 7);
    test_model_file_free(&file);
    rk_model *model = NULL;
    cr_assert_eq(rk_model_open(&model, mixed, NULL, &err), RK_OK, "%s", err.message);
    cr_expect_eq(rk_model_describe(model)->dtype, RK_DTYPE_Q8_0);
    rk_model_close(&model);
}
