// One merge, whatever the base and the output are: a checkpoint's convention and a model file's.
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_files.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(adapter_forms, .fini = test_scratch_remove);

static const char *const versions[] = {"v4", "v5.1",          "v5.1g", "v5.2",
                                       "v6", "v6-with-state", "v7",    "v7-v0"};
enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

// Tuned states too.
static const rk_convert_options plain = {.dtype = RK_DTYPE_F32, .keep_state = true};

static const char *model_path(const char *name) {
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/models/%s.pth", RK_TEST_DATA, name);
    cr_assert(test_file_exists(path), "%s", path);
    return path;
}

static rk_convert_options merging(const rk_adapter *one) {
    return (rk_convert_options){
        .dtype = RK_DTYPE_F32, .keep_state = true, .adapters = one, .n_adapters = 1};
}

// An adapter that replaces every tensor is the model itself: also those that a model file joins,
// transposes and transforms.
Test(adapter_forms, everything_replaced) {
    const char *other = test_scratch_path("other.pth"), *wanted = test_scratch_path("wanted.bin");
    const char *base = test_scratch_path("base.bin"), *output = test_scratch_path("out.bin");
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *model = model_path(versions[v]);
        const rk_adapter one = {.path = other, .alpha = NAN, .scale = 1};
        const rk_convert_options options = merging(&one);
        test_write_changed(other, model, 0.9F, 0.01F);
        test_convert(other, wanted, &plain);
        test_convert(model, output, &options);
        cr_expect(test_same_bytes(wanted, output), "%s, from a checkpoint", versions[v]);
        test_convert(model, base, &plain);
        cr_expect_not(test_same_bytes(wanted, base), "%s", versions[v]);
        test_convert(base, output, &options);
        cr_expect(test_same_bytes(wanted, output), "%s, from a model file", versions[v]);
    }
}

// With a scale the base's own values count, and decays have to come back from what they became.
Test(adapter_forms, half_replaced) {
    const char *other = test_scratch_path("other.pth"), *wanted = test_scratch_path("wanted.bin");
    const char *base = test_scratch_path("base.bin"), *output = test_scratch_path("out.bin");
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *model = model_path(versions[v]);
        const rk_adapter one = {.path = other, .alpha = NAN, .scale = 0.5};
        const rk_convert_options options = merging(&one);
        test_write_changed(other, model, 1.2F, 0.01F);
        test_convert(model, wanted, &options);
        test_convert(model, base, &plain);
        test_convert(base, output, &options);
        cr_expect_gt(test_largest_difference(wanted, base), 1e-3, "%s", versions[v]);
        const double off = test_largest_difference(wanted, output);
        cr_expect(off <= 2e-6, "%s: %g", versions[v], off);
    }
}

// As a checkpoint, and as a model file from that: what a model file is at once.
Test(adapter_forms, checkpoints_as_output) {
    const char *other = test_scratch_path("other.pth"), *wanted = test_scratch_path("wanted.bin");
    const char *between = test_scratch_path("between.safetensors");
    const char *base = test_scratch_path("base.bin"), *output = test_scratch_path("out.bin");
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *model = model_path(versions[v]);
        const rk_adapter one = {.path = other, .alpha = NAN, .scale = 1};
        rk_convert_options options = merging(&one);
        test_write_changed(other, model, 0.9F, 0.01F);
        test_convert(model, wanted, &options);
        options.output = RK_OUTPUT_SAFETENSORS;
        test_convert(model, between, &options);
        test_convert(between, output, &plain);
        cr_expect(test_same_bytes(wanted, output), "%s, from a checkpoint", versions[v]);
        test_convert(model, base, &plain);
        test_convert(base, between, &options);
        test_convert(between, output, &plain);
        cr_expect(test_same_bytes(wanted, output), "%s, from a model file", versions[v]);
    }
}

// A model file becomes the checkpoint that it was made from: names, shapes, types and values.
Test(adapter_forms, checkpoints_come_back) {
    const char *base = test_scratch_path("base.bin"), *back = test_scratch_path("back.safetensors");
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const char *model = model_path(versions[v]);
        rk_convert_options options = plain;
        test_convert(model, base, &options);
        options.output = RK_OUTPUT_SAFETENSORS;
        test_convert(base, back, &options);
        rk_checkpoint *file = test_open(model), *again = test_open(back);
        for (size_t i = 0; i < rk_checkpoint_count(again); i++) {
            const rk_tensor_info *info = rk_checkpoint_tensor(again, i);
            size_t index;
            cr_assert(rk_checkpoint_find(file, info->name, &index), "%s", info->name);
            const rk_shape *shape = &rk_checkpoint_tensor(file, index)->shape;
            char got[RK_SHAPE_TEXT], want[RK_SHAPE_TEXT];
            cr_expect_str_eq(rk_shape_format(got, &info->shape), rk_shape_format(want, shape),
                             "%s %s", versions[v], info->name);
            size_t n, m;
            float *x = test_read_floats(file, index, &n), *y = test_read_floats(again, i, &m);
            cr_assert_eq(n, m);
            for (size_t k = 0; k < n; k++) {
                cr_assert(fabsf(x[k] - y[k]) <= 4e-6F * fmaxf(1, fabsf(x[k])), "%s %s[%zu] %g %g",
                          versions[v], info->name, k, (double)x[k], (double)y[k]);
            }
            free(x);
            free(y);
        }
        rk_checkpoint_close(&file);
        rk_checkpoint_close(&again);
    }
}

// A pair on a matrix that model files hold transposed: the same bits from either base, and nearly
// those of the product the other way round.
Test(adapter_forms, pairs_on_transposed_matrices) {
    const char *model = model_path("v7");
    rk_checkpoint *file = test_open(model);
    size_t index;
    cr_assert(rk_checkpoint_find(file, "blocks.1.att.g1", &index));
    const rk_shape shape = rk_checkpoint_tensor(file, index)->shape;
    const size_t rows = shape.dims[0], columns = shape.dims[1];
    rk_checkpoint_close(&file);
    enum { RANK = 2 };
    float *a = calloc(RANK * columns, sizeof *a), *b = calloc(RANK * rows, sizeof *b);
    test_fill(a, RANK * columns, 0.5F, 1);
    test_fill(b, RANK * rows, 0.5F, 2);
    const test_pth_tensor pair[] = {
        {"blocks.1.att.g1.lora_A", "FloatStorage", 2, {RANK, columns}, NULL, a, RANK * columns},
        {"blocks.1.att.g1.lora_B", "FloatStorage", 2, {rows, RANK}, NULL, b, rows * RANK}};
    const char *lora = test_scratch_path("lora.pth"), *base = test_scratch_path("base.bin");
    const char *one = test_scratch_path("one.bin"), *two = test_scratch_path("two.bin");
    const char *between = test_scratch_path("between.safetensors");
    cr_assert(test_pth_write(lora, pair, 2));
    const rk_adapter adapter = {.path = lora, .alpha = 4, .scale = 1};
    rk_convert_options options = merging(&adapter);
    test_convert(model, one, &options);
    test_convert(model, base, &plain);
    test_convert(base, two, &options);
    cr_expect(test_same_bytes(one, two));
    cr_expect_gt(test_largest_difference(base, one), 0.1);
    options.output = RK_OUTPUT_SAFETENSORS;
    test_convert(base, between, &options);
    test_convert(between, two, &plain);
    cr_expect(test_largest_difference(one, two) <= 1e-6);
    // By hand: element (i, j) of the checkpoint's matrix.
    file = test_open(between);
    rk_checkpoint *before = test_open(model);
    size_t n, at;
    cr_assert(rk_checkpoint_find(file, "blocks.1.att.g1", &index));
    cr_assert(rk_checkpoint_find(before, "blocks.1.att.g1", &at));
    float *merged = test_read_floats(file, index, &n), *w = test_read_floats(before, at, &n);
    for (size_t k = 0; k < n; k++) {
        const size_t i = k / columns, j = k % columns;
        const float sum = b[i * RANK] * a[j] + b[i * RANK + 1] * a[columns + j];
        cr_assert_float_eq(merged[k], w[k] + 2 * sum, 1e-6F, "%zu", k);
    }
    free(merged);
    free(w);
    free(a);
    free(b);
    rk_checkpoint_close(&file);
    rk_checkpoint_close(&before);
}

// What a plan says of the size is so, for checkpoints too.
Test(adapter_forms, plans_are_exact) {
    const char *output = test_scratch_path("out.safetensors");
    for (size_t v = 0; v < N_VERSIONS; v++) {
        const rk_convert_options options = {.output = RK_OUTPUT_SAFETENSORS,
                                            .dtype = v % 2 ? RK_DTYPE_BF16 : RK_DTYPE_F16};
        rk_convert_result plan, result;
        rk_error err = {0};
        size_t size;
        const char *model = model_path(versions[v]);
        cr_assert_eq(rk_convert_plan(model, &options, &plan, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_convert(model, output, &options, &result, &err), RK_OK, "%s", err.message);
        free(test_read_file(output, &size));
        cr_expect_eq(plan.output_bytes, size, "%s", versions[v]);
        cr_expect_eq(plan.n_tensors, result.n_tensors);
    }
}

Test(adapter_forms, types_of_checkpoints) {
    const rk_dtype wrong[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q8_0, RK_DTYPE_I8};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const rk_convert_options options = {.output = RK_OUTPUT_SAFETENSORS, .dtype = wrong[i]};
        rk_error err = {0};
        cr_expect_eq(rk_convert(model_path("v4"), test_scratch_path("out"), &options, NULL, &err),
                     RK_ERR_ARGUMENT);
        cr_expect_not_null(strstr(err.message, "choose FP32, FP16 or BF16"), "%s", err.message);
    }
}

static void count(void *user, const char *adapter, const char *what) {
    cr_expect_not_null(strstr(adapter, "v7-v0.pth"));
    cr_expect_not_null(strstr(what, "blocks.0.att.v"), "%s", what);
    cr_expect_not_null(strstr(what, " changes what the model does not use"), "%s", what);
    ++*(size_t *)user;
}

// What checkpoints carry along and models do not use is no fault of an adapter that has it too, but
// it is told.
Test(adapter_forms, tensors_that_are_not_used) {
    const rk_adapter itself = {.path = model_path("v7-v0"), .alpha = NAN, .scale = 0.5};
    rk_convert_options options = merging(&itself);
    size_t n = 0;
    options.passed_over = count;
    options.report_user = &n;
    rk_error err = {0};
    cr_expect_eq(
        rk_convert(model_path("v7-v0"), test_scratch_path("out.bin"), &options, NULL, &err),
        RK_ERR_MISMATCH); // it is the model itself
    cr_expect_not_null(strstr(err.message, "leaves every value as it was"), "%s", err.message);
    cr_expect_eq(n, 3);
}
