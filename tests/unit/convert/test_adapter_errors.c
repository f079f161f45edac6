// Adapters that do not fit their model: every fault is named, nothing is written.
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/scratch.h"
#include "support/small_model.h"
#include "rk/convert.h"

static const test_small_model tiny = {
    .n_vocab = 96, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 3};
static float some[128 * 128]; // all the same
static float zeros[128 * 128];
static rk_error last_error;

static void make_model(void) {
    cr_assert(test_small_model_write(test_scratch_path("model.pth"), &tiny));
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) some[i] = 0.01F;
}

TestSuite(adapter_errors, .init = make_model, .fini = test_scratch_remove);

static rk_status merge(const char *path, double alpha) {
    const char *output = test_scratch_path("out.bin");
    const rk_adapter adapter = {.path = path, .alpha = alpha, .scale = 1};
    const rk_convert_options options = {
        .dtype = RK_DTYPE_F32, .adapters = &adapter, .n_adapters = 1};
    last_error = (rk_error){0};
    (void)remove(output); // of an earlier call
    const rk_status status =
        rk_convert(test_scratch_path("model.pth"), output, &options, NULL, &last_error);
    cr_expect_eq(test_file_exists(output), status == RK_OK);
    return status;
}

static rk_status merge_tensors(const test_pth_tensor *tensors, size_t n_tensors) {
    const char *path = test_scratch_path("lora.pth");
    cr_assert(test_pth_write(path, tensors, n_tensors));
    return merge(path, 16);
}

static test_pth_tensor matrix(const char *name, size_t rows, size_t columns) {
    return (test_pth_tensor){name, "FloatStorage", 2, {rows, columns}, NULL, some, rows * columns};
}

static void expect_message(const char *part) {
    cr_expect(strstr(last_error.message, part) != NULL, "\"%s\" lacks \"%s\"", last_error.message,
              part);
}

Test(adapter_errors, a_good_one_is_accepted) {
    const test_pth_tensor good[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                    matrix("blocks.0.att.key.lora_B", 64, 4),
                                    matrix("head.lora_A", 4, 64), matrix("head.lora_B", 96, 4)};
    cr_expect_eq(merge_tensors(good, 4), RK_OK, "%s", last_error.message);
}

Test(adapter_errors, unknown_keys) {
    const test_pth_tensor tensors[] = {matrix("blocks.2.att.key.lora_A", 4, 64),
                                       matrix("blocks.2.att.key.lora_B", 64, 4)};
    cr_expect_eq(merge_tensors(tensors, 2), RK_ERR_MISMATCH);
    expect_message("lora.pth: does not fit");
    expect_message("model.pth");
    expect_message("blocks.2.att.key.lora_A matches no tensor");
    expect_message("blocks.2.att.key.lora_B matches no tensor");
}

Test(adapter_errors, halves_of_pairs) {
    const test_pth_tensor tensors[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                       matrix("blocks.1.att.key.lora_B", 64, 4)};
    cr_expect_eq(merge_tensors(tensors, 2), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.lora_A has no lora_B");
    expect_message("blocks.1.att.key.lora_B has no lora_A");
}

Test(adapter_errors, shapes) {
    const test_pth_tensor tensors[] = {
        matrix("blocks.0.att.key.lora_A", 4, 65),     matrix("blocks.0.att.key.lora_B", 64, 4),
        matrix("blocks.0.att.value.lora_A", 4, 64),   matrix("blocks.0.att.value.lora_B", 64, 5),
        matrix("blocks.0.ffn.key.lora_A", 4, 64),     matrix("blocks.0.ffn.key.lora_B", 64, 4),
        matrix("blocks.0.ffn.value.weight", 128, 64),
    };
    cr_expect_eq(merge_tensors(tensors, 7), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.lora_A [4, 65] and lora_B [64, 4] do not fit [64, 64]");
    expect_message("blocks.0.att.value.lora_A [4, 64] and lora_B [64, 5] do not fit [64, 64]");
    expect_message("blocks.0.ffn.key.lora_A [4, 64] and lora_B [64, 4] do not fit [128, 64]");
    expect_message("blocks.0.ffn.value.weight is [128, 64], expected [64, 128]");
}

Test(adapter_errors, pairs_on_vectors) {
    const test_pth_tensor tensors[] = {matrix("blocks.0.ln1.lora_A", 1, 64),
                                       matrix("blocks.0.ln1.lora_B", 1, 1)};
    cr_expect_eq(merge_tensors(tensors, 2), RK_ERR_MISMATCH);
    expect_message("blocks.0.ln1.lora_A");
}

Test(adapter_errors, two_keys_for_one_tensor) {
    const test_pth_tensor tensors[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                       matrix("blocks.0.att.key.weight.lora_A", 4, 64),
                                       matrix("blocks.0.att.key.lora_B", 64, 4)};
    cr_expect_eq(merge_tensors(tensors, 3), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.lora_A and blocks.0.att.key.weight.lora_A change the same");
}

Test(adapter_errors, integers) {
    const test_pth_tensor tensors[] = {
        {"blocks.0.ln1.weight", "CharStorage", 1, {64}, NULL, zeros, 64}};
    cr_expect_eq(merge_tensors(tensors, 1), RK_ERR_MISMATCH);
    expect_message("blocks.0.ln1.weight is");
    expect_message("expected floats");
}

Test(adapter_errors, more_faults_than_fit_are_counted) {
    enum { N = 500 };
    static char names[N][64];
    static test_pth_tensor tensors[N];
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "blocks.%zu.att.key.bias", i);
        tensors[i] = matrix(names[i], 1, 64);
    }
    cr_expect_eq(merge_tensors(tensors, N), RK_ERR_MISMATCH);
    size_t named = 0;
    for (const char *p = last_error.message; (p = strstr(p, "matches no tensor")) != NULL; p++) {
        named++;
    }
    char rest[32];
    (void)snprintf(rest, sizeof rest, " and %zu more", N - named);
    cr_expect_geq(named, 4);
    expect_message(rest);
}

// Strides of 0 let a small file declare factors of any size. They are not loaded.
Test(adapter_errors, ranks_beyond_the_tensor) {
    static const size_t strides[] = {0, 0};
    const test_pth_tensor tensors[] = {
        {"blocks.0.att.key.lora_A", "FloatStorage", 2, {2000000000, 64}, strides, zeros, 1},
        {"blocks.0.att.key.lora_B", "FloatStorage", 2, {64, 2000000000}, strides, zeros, 1}};
    cr_expect_neq(merge_tensors(tensors, 2), RK_OK);
    expect_message("blocks.0.att.key.lora_A");
    const test_pth_tensor too_high[] = {matrix("blocks.0.att.key.lora_A", 65, 64),
                                        matrix("blocks.0.att.key.lora_B", 64, 65)};
    cr_expect_eq(merge_tensors(too_high, 2), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.lora_A has rank 65, expected at most 64");
}

Test(adapter_errors, alphas_that_are_no_numbers) {
    const test_pth_tensor good[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                    matrix("blocks.0.att.key.lora_B", 64, 4)};
    const char *path = test_scratch_path("lora.pth");
    cr_assert(test_pth_write(path, good, 2));
    const double wrong[] = {NAN, INFINITY, -INFINITY, 1e300};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_expect_eq(merge(path, wrong[i]), RK_ERR_ARGUMENT, "%g", wrong[i]);
        expect_message("lora.pth");
        expect_message("alpha");
    }
}

Test(adapter_errors, files_that_are_no_adapters) {
    cr_expect_eq(merge(test_scratch_path("none.pth"), 1), RK_ERR_IO);
    expect_message("none.pth");
    cr_assert(test_write_file(test_scratch_path("text"), "hello\n", 6));
    cr_expect_neq(merge(test_scratch_path("text"), 1), RK_OK);
    expect_message("text");
    cr_expect_eq(merge(NULL, 1), RK_ERR_ARGUMENT);
}

// ---- adapters that would change nothing

static test_pth_tensor zero_matrix(const char *name, size_t rows, size_t columns) {
    return (test_pth_tensor){name, "FloatStorage", 2, {rows, columns}, NULL, zeros, rows * columns};
}

Test(adapter_errors, products_of_zero) {
    const test_pth_tensor tensors[] = {
        matrix("blocks.0.att.key.lora_A", 4, 64),   zero_matrix("blocks.0.att.key.lora_B", 64, 4),
        zero_matrix("head.lora_A", 4, 64),          matrix("head.lora_B", 96, 4),
        matrix("blocks.0.att.value.lora_A", 4, 64), matrix("blocks.0.att.value.lora_B", 64, 4)};
    cr_expect_eq(merge_tensors(tensors, 6), RK_ERR_MISMATCH);
    expect_message(
        "blocks.0.att.key.lora_A and blocks.0.att.key.lora_B change nothing: lora_B is zero");
    expect_message("head.lora_A and head.lora_B change nothing: lora_A is zero");
    cr_expect_null(strstr(last_error.message, "value"), "%s", last_error.message);
    cr_expect_eq(merge_tensors(tensors + 4, 2), RK_OK, "%s", last_error.message);
    cr_expect_eq(merge(test_scratch_path("lora.pth"), 0), RK_ERR_MISMATCH);
    expect_message("change nothing: alpha is 0");
}

Test(adapter_errors, shards_of_zero) {
    const test_pth_tensor tensors[] = {zero_matrix("blocks.0.att.key.miss", 4, 64)};
    cr_expect_eq(merge_tensors(tensors, 1), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.miss changes nothing: it is zero");
}

// Every tensor is replaced by what it was: nobody wants that.
Test(adapter_errors, replacements_by_the_same) {
    cr_expect_eq(merge(test_scratch_path("model.pth"), 1), RK_ERR_MISMATCH);
    expect_message("leaves every value as it was");
}

Test(adapter_errors, values_that_are_no_numbers) {
    static float bad[4 * 64];
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        bad[200] = wrong[i];
        const test_pth_tensor tensors[] = {
            {"blocks.0.att.key.lora_A", "FloatStorage", 2, {4, 64}, NULL, bad, 4 * 64},
            matrix("blocks.0.att.key.lora_B", 64, 4)};
        cr_expect_eq(merge_tensors(tensors, 2), RK_ERR_RANGE);
        expect_message("lora.pth: tensor blocks.0.att.key.lora_A holds NaN or infinity");
    }
}

Test(adapter_errors, scales_that_are_no_numbers) {
    const test_pth_tensor good[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                    matrix("blocks.0.att.key.lora_B", 64, 4)};
    const char *path = test_scratch_path("lora.pth");
    cr_assert(test_pth_write(path, good, 2));
    const double wrong[] = {NAN, INFINITY, 1e300, 0};
    const rk_status expected[] = {RK_ERR_ARGUMENT, RK_ERR_ARGUMENT, RK_ERR_ARGUMENT,
                                  RK_ERR_MISMATCH};
    for (size_t i = 0; i < 4; i++) {
        const rk_adapter adapter = {.path = path, .alpha = 4, .scale = wrong[i]};
        const rk_convert_options options = {
            .dtype = RK_DTYPE_F32, .adapters = &adapter, .n_adapters = 1};
        cr_expect_eq(rk_convert(test_scratch_path("model.pth"), test_scratch_path("out.bin"),
                                &options, NULL, &last_error),
                     expected[i], "%g: %s", wrong[i], last_error.message);
        expect_message("scale");
    }
}

// ---- shards and initial values

static test_pth_tensor cube(const char *name, size_t n, size_t rows, size_t columns) {
    return (test_pth_tensor){name, "FloatStorage",    3, {n, rows, columns}, NULL,
                             some, n * rows * columns};
}

Test(adapter_errors, shards_that_do_not_fit) {
    const test_pth_tensor tensors[] = {
        matrix("blocks.0.att.key.miss", 4, 63),       cube("blocks.0.att.value.bone", 15, 4, 4),
        cube("blocks.0.att.output.bone", 16, 4, 5),   cube("blocks.0.ffn.key.bone", 9, 7, 7),
        matrix("blocks.0.ffn.value.miss", 129, 64),   matrix("blocks.0.ln1.miss", 4, 64),
        matrix("blocks.0.ffn.receptance.bone", 0, 64)};
    cr_expect_eq(merge_tensors(tensors, 6), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.miss [4, 63] does not fit [64, 64]");
    expect_message("blocks.0.att.value.bone [15, 4, 4] does not fit [64, 64]");
    expect_message("blocks.0.att.output.bone [16, 4, 5] does not fit [64, 64]");
    expect_message("blocks.0.ffn.key.bone [9, 7, 7] does not fit [128, 64]");
    expect_message("blocks.0.ffn.value.miss [129, 64] does not fit [64, 128]");
    cr_expect_eq(merge_tensors(tensors + 5, 1), RK_ERR_MISMATCH);
    expect_message("blocks.0.ln1.miss");
    cr_expect_neq(merge_tensors(tensors + 6, 1), RK_OK);
}

// A block that becomes I - I is gone for good.
Test(adapter_errors, blocks_that_cannot_be_undone) {
    static float minus_one[16 * 4 * 4];
    for (size_t i = 0; i < 16 * 4 * 4; i++) minus_one[i] = i % 5 == 0 && i < 16 ? -1.0F : 0.0F;
    minus_one[20] = 0.5F;
    const test_pth_tensor tensors[] = {
        {"blocks.0.att.key.bone", "FloatStorage", 3, {16, 4, 4}, NULL, minus_one, 16 * 4 * 4}};
    const char *path = test_scratch_path("bone.pth");
    cr_assert(test_pth_write(path, tensors, 1));
    const rk_adapter adapter = {.path = path, .alpha = NAN, .scale = 1};
    rk_convert_options options = {.dtype = RK_DTYPE_F32, .adapters = &adapter, .n_adapters = 1};
    const char *model = test_scratch_path("model.pth"), *output = test_scratch_path("out.bin");
    cr_expect_eq(rk_convert(model, output, &options, NULL, &last_error), RK_OK);
    options.subtract = true;
    cr_expect_eq(rk_convert(model, output, &options, NULL, &last_error), RK_ERR_RANGE);
    expect_message("block 0 of blocks.0.att.key.bone cannot be undone");
}

static rk_status merge_pissa(const test_pth_tensor *init, size_t n) {
    const test_pth_tensor pair[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                    matrix("blocks.0.att.key.lora_B", 64, 4)};
    const char *path = test_scratch_path("pissa.pth"), *init_path = test_scratch_path("init.pth");
    cr_assert(test_pth_write(path, pair, 2));
    cr_assert(test_pth_write(init_path, init, n));
    const rk_adapter adapter = {.path = path, .alpha = NAN, .scale = 1, .init = init_path};
    const rk_convert_options options = {
        .dtype = RK_DTYPE_F32, .adapters = &adapter, .n_adapters = 1};
    return rk_convert(test_scratch_path("model.pth"), test_scratch_path("out.bin"), &options, NULL,
                      &last_error);
}

Test(adapter_errors, initial_values) {
    test_pth_tensor init[] = {matrix("blocks.0.att.key.init_lora_A", 4, 64),
                              zero_matrix("blocks.0.att.key.init_lora_B", 64, 4),
                              matrix("blocks.1.att.key.init_lora_A", 4, 64)};
    cr_expect_eq(merge_pissa(init, 2), RK_OK, "%s", last_error.message);
    cr_expect_eq(merge_pissa(init, 1), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.init_lora_A has no lora_B");
    cr_expect_eq(merge_pissa(init, 3), RK_ERR_MISMATCH);
    expect_message("blocks.1.att.key.init_lora_A has no pair in the adapter");
    cr_expect_eq(merge_pissa(init + 2, 1), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.lora_A has no initial values");
    init[1].data = some;
    cr_expect_eq(merge_pissa(init, 2), RK_ERR_MISMATCH);
    expect_message("change nothing: they are as they began");
    init[1] = matrix("blocks.0.att.key.weight", 64, 64);
    cr_expect_eq(merge_pissa(init, 2), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.weight has no place in a file of initial values");
    // The other way round: initial values in the adapter itself.
    cr_expect_eq(merge_tensors(init, 1), RK_ERR_MISMATCH);
    expect_message("blocks.0.att.key.init_lora_A has no place in an adapter");
}

// ---- passing over

typedef struct passed_over {
    char text[2000];
    size_t count;
} passed_over;

static void keep(void *user, const char *adapter, const char *what) {
    passed_over *p = user;
    cr_expect_not_null(strstr(adapter, "lora.pth"));
    (void)snprintf(p->text + strlen(p->text), sizeof p->text - strlen(p->text), "%s\n", what);
    p->count++;
}

Test(adapter_errors, all_of_it_can_be_passed_over) {
    const test_pth_tensor tensors[] = {matrix("blocks.0.att.key.lora_A", 4, 64),
                                       matrix("blocks.0.att.key.lora_B", 64, 4),
                                       matrix("blocks.9.att.key.weight", 64, 64),
                                       matrix("blocks.0.ffn.key.lora_A", 4, 63),
                                       matrix("blocks.0.ffn.key.lora_B", 128, 4),
                                       matrix("blocks.0.att.value.lora_A", 4, 64),
                                       zero_matrix("blocks.1.att.value.lora_A", 4, 64),
                                       matrix("blocks.1.att.value.lora_B", 64, 4)};
    const char *path = test_scratch_path("lora.pth");
    cr_assert(test_pth_write(path, tensors, 8));
    const rk_adapter adapter = {.path = path, .alpha = 4, .scale = 1};
    passed_over seen = {0};
    rk_convert_options options = {.dtype = RK_DTYPE_F32,
                                  .adapters = &adapter,
                                  .n_adapters = 1,
                                  .allow_unused = true,
                                  .passed_over = keep,
                                  .report_user = &seen};
    rk_convert_result result;
    const char *model = test_scratch_path("model.pth"), *output = test_scratch_path("out.bin");
    cr_assert_eq(rk_convert(model, output, &options, &result, &last_error), RK_OK, "%s",
                 last_error.message);
    cr_expect_eq(result.n_merged, 1);
    cr_expect_eq(seen.count, 4);
    cr_expect_str_eq(seen.text,
                     "blocks.9.att.key.weight matches no tensor\n"
                     "blocks.0.att.value.lora_A has no lora_B\n"
                     "blocks.0.ffn.key.lora_A [4, 63] and lora_B [128, 4] do not fit [128, 64]\n"
                     "blocks.1.att.value.lora_A and blocks.1.att.value.lora_B change nothing: "
                     "lora_A is zero\n");
    // But something has to be left of it.
    cr_assert(test_pth_write(path, tensors + 2, 6));
    cr_expect_eq(rk_convert(model, output, &options, NULL, &last_error), RK_ERR_MISMATCH);
    expect_message("lora.pth: changes nothing in");
}
