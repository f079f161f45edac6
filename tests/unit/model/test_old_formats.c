// Models of version 100: run with the arithmetic of the programs that made them, and as new files
// of the same codes.
//
// Models with the logits of those programs may lie beside the project (RK_TEST_OLD_MODELS); without
// them the project's own writer makes the files, and the kernels of version 101, which multiply the
// same codes in another way, are what they are compared with.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "rk/model.h"
#include "support/model_file_fields.h"
#include "support/model_fixture.h"
#include "support/scratch.h"

TestSuite(old_formats, .fini = test_scratch_remove);

static rk_error err;

// The logits after each token, [n][n_vocab].
static float *run(const char *path, const char *strategy, const uint32_t *tokens, size_t n,
                  size_t *n_logits) {
    rk_model *model = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&context, model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK, "%s", err.message);
    *n_logits = n * rk_model_describe(model)->dims.n_vocab;
    float *logits = calloc(*n_logits, sizeof logits[0]);
    cr_assert_eq(rk_eval(context, state, tokens, n, RK_LOGITS_ALL, logits, &err), RK_OK, "%s",
                 err.message);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
    return logits;
}

static double distance(const char *a, const char *a_strategy, const char *b, const char *b_strategy,
                       const test_fixture *f) {
    size_t n_a, n_b;
    float *of_a = run(a, a_strategy, f->tokens, f->n_tokens, &n_a);
    float *of_b = run(b, b_strategy, f->tokens, f->n_tokens, &n_b);
    cr_assert_eq(n_a, n_b);
    const double difference = test_max_difference(of_a, of_b, n_a);
    free(of_a);
    free(of_b);
    return difference;
}

static void convert(const char *input, const char *output, const rk_convert_options *options) {
    cr_assert_eq(rk_convert(input, output, options, NULL, &err), RK_OK, "%s", err.message);
}

// ---- the programs' own logits

enum { N_TEXT = 32, N_VOCAB = 256 };

// The largest difference from what the program that wrote the file computed after each byte.
static double distance_from_program(const char *folder, const char *name) {
    static const char text[N_TEXT + 1] = "\"in the beginning was the word, ";
    char path[4096];
    uint32_t tokens[N_TEXT];
    static float expected[N_TEXT * N_VOCAB];
    for (size_t i = 0; i < N_TEXT; i++) tokens[i] = (unsigned char)text[i];
    (void)snprintf(path, sizeof path, "%s/%s.seq.f32", folder, name);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fread(expected, sizeof expected[0], N_TEXT * N_VOCAB, file), N_TEXT * N_VOCAB);
    fclose(file);
    (void)snprintf(path, sizeof path, "%s/%s.bin", folder, name);
    size_t n_logits;
    float *logits = run(path, "cpu", tokens, N_TEXT, &n_logits);
    cr_assert_eq(n_logits, (size_t)N_TEXT * N_VOCAB);
    const double difference = test_max_difference(logits, expected, n_logits);
    free(logits);
    return difference;
}

Test(old_formats, give_the_logits_of_their_programs) {
    static const char *const names[] = {"tiny-Q4_0",     "tiny-Q4_1",     "tiny-Q4_1_O",
                                        "tiny-Q4_2",     "tiny-Q4_3",     "tiny-may-Q4_0",
                                        "tiny-may-Q4_1", "tiny-may-Q4_2", "tiny-may-Q5_0",
                                        "tiny-may-Q5_1", "tiny-may-Q8_0"};
    const char *folder = getenv("RK_TEST_OLD_MODELS");
    if (folder == NULL) cr_skip_test("no models of version 100; set RK_TEST_OLD_MODELS");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const double difference = distance_from_program(folder, names[i]);
        cr_log_info("%s: %g", names[i], difference);
        cr_expect(difference <= 1e-3, "%s: logits differ by %g", names[i], difference);
    }
}

// ---- files of our own

static const rk_dtype in_both_versions[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q5_0,
                                            RK_DTYPE_Q5_1, RK_DTYPE_Q8_0};
enum { N_BOTH = sizeof in_both_versions / sizeof in_both_versions[0] };

// The same codes in both layouts: expanded and multiplied with rounded activations, or multiplied
// as integers. Activations that are not rounded are much further away.
Test(old_formats, the_same_codes_in_both_layouts) {
    test_fixture f = test_fixture_read("v4", "");
    // Later on, an activation that lies half way between two codes falls to different sides.
    f.n_tokens = 8;
    for (size_t i = 0; i < N_BOTH; i++) {
        const char *new_file = test_scratch_path("new.bin"), *old_file = test_scratch_path("o.bin");
        const char *name = rk_dtype_describe(in_both_versions[i])->name;
        rk_convert_options options = {.dtype = in_both_versions[i], .mix = RK_MIX_REFERENCE};
        convert(f.path, new_file, &options);
        options.version = 100;
        convert(new_file, old_file, &options);
        const double same = distance(new_file, "cpu", old_file, "cpu", &f);
        const double unrounded = distance(old_file, "cpu fp32", old_file, "cpu", &f);
        cr_expect(same <= 1e-4, "%s: %g", name, same);
        cr_expect(unrounded > 10.0 * same, "%s: %g, %g", name, unrounded, same);
    }
    test_fixture_free(&f);
}

// The other formats: Q4_1_O is multiplied with activations as they are, and only it.
Test(old_formats, which_formats_round_activations) {
    test_fixture f = test_fixture_read("v4", "");
    static const rk_dtype old[] = {RK_DTYPE_Q4_1_O_V100, RK_DTYPE_Q4_2_V100, RK_DTYPE_Q4_3_V100};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        const char *file = test_scratch_path("old.bin"), *wide = test_scratch_path("wide.bin");
        const char *name = rk_dtype_describe(old[i])->name;
        const rk_convert_options options = {.dtype = old[i]};
        const rk_convert_options expand = {.dtype = RK_DTYPE_F32, .allow_requantize = true};
        convert(f.path, file, &options);
        convert(file, wide, &expand);
        const double difference = distance(file, "cpu", wide, "cpu", &f);
        const double of_rounding = distance(f.path, "cpu fp32", wide, "cpu", &f);
        if (old[i] == RK_DTYPE_Q4_1_O_V100) {
            cr_expect(difference <= 1e-5, "%s: %g", name, difference);
        } else {
            cr_expect(difference > 1e-4, "%s: %g", name, difference);
        }
        cr_expect(difference < of_rounding, "%s: %g, %g", name, difference, of_rounding);
    }
    test_fixture_free(&f);
}

// Files of early April 2023: embedding and head are quantized, too.
Test(old_formats, early_files_with_quantized_embedding_and_head) {
    test_fixture f = test_fixture_read("v4", "");
    static const rk_dtype formats[] = {RK_DTYPE_Q4_0_V100, RK_DTYPE_Q4_1_V100};
    for (size_t i = 0; i < 2; i++) {
        const char *file = test_scratch_path("early.bin"), *wide = test_scratch_path("wide.bin");
        const rk_type_rule rules[] = {{"^(emb|head)\\.weight$", formats[i]}};
        const rk_convert_options options = {.dtype = formats[i], .rules = rules, .n_rules = 1};
        const rk_convert_options expand = {.dtype = RK_DTYPE_F32, .allow_requantize = true};
        convert(f.path, file, &options);
        convert(file, wide, &expand);
        const double difference = distance(file, "cpu", wide, "cpu", &f);
        cr_expect(difference < 0.1 * distance(f.path, "cpu fp32", wide, "cpu", &f), "%g",
                  difference);
    }
    test_fixture_free(&f);
}

// ---- bad files

// A step of infinity, wherever a block has one: refused when the model is loaded, by name.
Test(old_formats, infinite_steps_are_refused) {
    test_fixture f = test_fixture_read("v4", "");
    static const rk_dtype old[] = {RK_DTYPE_Q4_0_V100, RK_DTYPE_Q4_1_O_V100, RK_DTYPE_Q4_3_V100,
                                   RK_DTYPE_Q5_0_V100, RK_DTYPE_Q8_0_V100};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        const char *file = test_scratch_path("old.bin");
        const bool wide = old[i] == RK_DTYPE_Q4_0_V100 || old[i] == RK_DTYPE_Q8_0_V100;
        const uint8_t infinity[2][4] = {{0x00, 0x7c}, {0x00, 0x00, 0x80, 0x7f}}; // FP16, FP32
        const rk_convert_options options = {.dtype = old[i]};
        convert(f.path, file, &options);
        test_model_file fields;
        cr_assert(test_model_file_read(&fields, file));
        const test_record *record = test_model_file_find(&fields, "blocks.1.ffn.key.weight");
        const size_t block = rk_dtype_describe(old[i])->block_bytes;
        uint8_t *last = fields.bytes + (record->data - fields.bytes) + record->size - block;
        memcpy(last, infinity[wide], wide ? 4 : 2);
        cr_assert(test_write_file(file, fields.bytes, fields.size));
        test_model_file_free(&fields);
        rk_model *model = NULL;
        cr_expect_eq(rk_model_open(&model, file, NULL, &err), RK_ERR_RANGE, "%s",
                     rk_dtype_describe(old[i])->name);
        cr_expect_not_null(strstr(err.message, "blocks.1.ffn.key.weight"), "%s", err.message);
        cr_expect_null(model);
    }
    test_fixture_free(&f);
}
