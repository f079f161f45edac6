// What becomes of weights that a format cannot hold: each is refused with the tensor's name, or
// comes out as is said here.
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/small_model.h"
#include "tensor/convert_row.h"

TestSuite(bad_weights, .fini = test_scratch_remove);

static const test_small_model sizes = {
    .n_vocab = 64, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 11};
static const char matrix[] = "blocks.1.ffn.value.weight"; // [64, 128]
enum { N_VALUES = 64 * 128 };

static rk_error err;

static const rk_dtype blocks[] = {
    RK_DTYPE_Q4_0,      RK_DTYPE_Q4_1,      RK_DTYPE_Q5_0,      RK_DTYPE_Q5_1,
    RK_DTYPE_Q8_0,      RK_DTYPE_Q4_0_V100, RK_DTYPE_Q4_1_V100, RK_DTYPE_Q4_1_O_V100,
    RK_DTYPE_Q4_2_V100, RK_DTYPE_Q4_3_V100, RK_DTYPE_Q5_0_V100, RK_DTYPE_Q5_1_V100,
    RK_DTYPE_Q8_0_V100,
};
enum { N_BLOCKS = sizeof blocks / sizeof blocks[0] };

// Do steps in float32 hold what FP16 does not?
static bool has_float_step(rk_dtype dtype) {
    return dtype == RK_DTYPE_Q4_0_V100 || dtype == RK_DTYPE_Q4_1_V100 ||
           dtype == RK_DTYPE_Q8_0_V100;
}

static rk_method method = RK_METHOD_ROUND;

// A model whose matrix is filled by `fill`; converted to a type by that method.
static rk_status convert_filled(void (*fill)(float *values, float x), float x, rk_dtype dtype,
                                const char *output) {
    const char *input = test_scratch_path("model.pth");
    test_small_tensors source = test_small_model_new(&sizes);
    fill(test_small_model_find(&source, matrix), x);
    cr_assert(test_pth_write(input, source.tensors, source.count));
    test_small_model_free(&source);
    const rk_convert_options options = {.dtype = dtype, .method = method, .mix = RK_MIX_REFERENCE};
    return rk_convert(input, output, &options, NULL, &err);
}

static void put_one(float *values, float x) {
    values[3 * 128 + 77] = x;
}

static void put_all(float *values, float x) {
    for (size_t i = 0; i < N_VALUES; i++) values[i] = i % 2 == 0 ? x : -x;
}

static void expect_refused(float x, rk_dtype dtype) {
    const char *output = test_scratch_path("refused.bin");
    const char *name = rk_dtype_describe(dtype)->name;
    cr_expect_eq(convert_filled(put_one, x, dtype, output), RK_ERR_RANGE, "%g in %s", (double)x,
                 name);
    cr_expect_not_null(strstr(err.message, matrix), "%s", err.message);
    cr_expect_not_null(strstr(err.message, name), "%s", err.message);
    cr_expect_not(test_file_exists(output));
}

// The values of the matrix in the output; each call replaces those of the one before.
static const float *values_of(const char *path, rk_dtype dtype) {
    static float values[N_VALUES];
    test_model_file file;
    cr_assert(test_model_file_read(&file, path));
    const test_record *record = test_model_file_find(&file, matrix);
    cr_assert_eq(record->n_values, (size_t)N_VALUES);
    rk__row_decoder_of(dtype)(values, record->data, N_VALUES);
    test_model_file_free(&file);
    return values;
}

static const float *convert_values(void (*fill)(float *values, float x), float x, rk_dtype dtype) {
    const char *output = test_scratch_path("out.bin");
    cr_assert_eq(convert_filled(fill, x, dtype, output), RK_OK, "%s", err.message);
    return values_of(output, dtype);
}

Test(bad_weights, nan_and_infinity_are_refused_by_block_formats) {
    const rk_method methods[] = {RK_METHOD_ROUND, RK_METHOD_SEARCH};
    for (size_t m = 0; m < 2; m++) {
        method = methods[m];
        for (size_t i = 0; i < N_BLOCKS; i++) {
            expect_refused(NAN, blocks[i]);
            expect_refused(INFINITY, blocks[i]);
            expect_refused(-INFINITY, blocks[i]);
        }
    }
}

// Floats can hold them, and what a checkpoint holds is converted as it is; a model that has them is
// refused when it is loaded.
Test(bad_weights, nan_and_infinity_stay_in_floats) {
    const rk_dtype floats[] = {RK_DTYPE_F16, RK_DTYPE_F32};
    for (size_t i = 0; i < 2; i++) {
        cr_expect(isnan(convert_values(put_one, NAN, floats[i])[3 * 128 + 77]));
        cr_expect_eq(convert_values(put_one, -INFINITY, floats[i])[3 * 128 + 77], -INFINITY);
    }
}

// FP16 ends at 65504; what rounds to it is let through.
Test(bad_weights, values_beyond_fp16) {
    expect_refused(65520.0F, RK_DTYPE_F16);
    expect_refused(-1e9F, RK_DTYPE_F16);
    cr_expect_eq(convert_values(put_one, 65519.0F, RK_DTYPE_F16)[3 * 128 + 77], 65504.0F);
    cr_expect_eq(convert_values(put_one, 1e9F, RK_DTYPE_F32)[3 * 128 + 77], 1e9F);
}

// A block format ends where its step or its minimum leaves FP16: well above 65504, where there is
// only a step, and never, where that is float32.
Test(bad_weights, values_beyond_a_format) {
    for (size_t i = 0; i < N_BLOCKS; i++) {
        const char *name = rk_dtype_describe(blocks[i])->name;
        const float large = 65000.0F;
        const float found = convert_values(put_one, -large, blocks[i])[3 * 128 + 77];
        cr_expect_float_eq(found, -large, 0.01F * large, "%s: %g", name, (double)found);
        if (!has_float_step(blocks[i])) {
            expect_refused(-1e7F, blocks[i]);
        } else {
            const float huge = convert_values(put_one, -1e7F, blocks[i])[3 * 128 + 77];
            cr_expect_float_eq(huge, -1e7F, 1e5F, "%s: %g", name, (double)huge);
        }
    }
    expect_refused(-70000.0F, RK_DTYPE_Q4_1); // the minimum
    expect_refused(-70000.0F, RK_DTYPE_Q5_1);
    expect_refused(70000.0F, RK_DTYPE_Q4_1_O_V100); // the outlier
    cr_expect_eq(convert_values(put_one, -70000.0F, RK_DTYPE_Q4_0)[3 * 128 + 77], -70016.0F);
}

// The search may find numbers for a block that the reference rounding has none for, but no infinity
// gets into a file by it either.
Test(bad_weights, the_search_writes_no_infinities) {
    const float large[] = {65000.0F, -70000.0F, 6e5F, -1e7F, 1e30F, -FLT_MAX};
    method = RK_METHOD_SEARCH;
    for (size_t i = 0; blocks[i] <= RK_DTYPE_Q8_0; i++) {
        for (size_t k = 0; k < sizeof large / sizeof large[0]; k++) {
            const char *output = test_scratch_path("searched.bin");
            const rk_status status = convert_filled(put_one, large[k], blocks[i], output);
            if (status == RK_OK) {
                const float *values = values_of(output, blocks[i]);
                for (size_t v = 0; v < N_VALUES; v++) cr_assert(isfinite(values[v]));
            } else {
                cr_expect_eq(status, RK_ERR_RANGE);
                cr_expect_not_null(strstr(err.message, matrix), "%s", err.message);
            }
        }
    }
}

Test(bad_weights, zeros_stay_zeros) {
    const rk_method methods[] = {RK_METHOD_ROUND, RK_METHOD_SEARCH};
    for (size_t m = 0; m < 2; m++) {
        method = methods[m];
        for (size_t i = 0; i < N_BLOCKS; i++) {
            const float *values = convert_values(put_all, 0.0F, blocks[i]);
            for (size_t k = 0; k < N_VALUES; k++) cr_assert_eq(values[k], 0.0F);
        }
    }
}

// Steps below the least number of FP16 are 0: such blocks become zeros. With a step in float32 they
// keep their values.
Test(bad_weights, denormals_become_zeros) {
    const float tiny[] = {1e-10F, 1e-38F, 1e-45F};
    for (size_t i = 0; i < N_BLOCKS; i++) {
        if (has_float_step(blocks[i]) || blocks[i] == RK_DTYPE_Q4_2_V100) continue;
        for (size_t t = 0; t < sizeof tiny / sizeof tiny[0]; t++) {
            const float *values = convert_values(put_all, tiny[t], blocks[i]);
            for (size_t k = 0; k < N_VALUES; k++) {
                cr_assert_eq(values[k], 0.0F, "%s: %g", rk_dtype_describe(blocks[i])->name,
                             (double)values[k]);
            }
        }
    }
    const float kept = convert_values(put_all, 1e-10F, RK_DTYPE_Q8_0_V100)[0];
    cr_expect_float_eq(kept, 1e-10F, 1e-12F, "%g", (double)kept);
}

// ---- rows that are no whole blocks

typedef struct seen_types {
    size_t n_fp16, n_blocks;
} seen_types;

static void count_types(void *user, const rk_convert_tensor *tensor) {
    seen_types *seen = user;
    if (tensor->shape.n_dims != 2) return;
    seen->n_fp16 += tensor->to == RK_DTYPE_F16;
    seen->n_blocks += rk_dtype_describe(tensor->to)->class_ == RK_CLASS_BLOCK;
}

// 48 columns are no multiple of 32: the default keeps such matrices in FP16 and counts them, the
// others are quantized; Q4_2, in blocks of 16, fits them all; who asks for it by name is refused.
Test(bad_weights, rows_that_are_no_whole_blocks) {
    const test_small_model odd = {
        .n_vocab = 64, .n_embd = 48, .n_layer = 2, .n_ffn = 64, .seed = 12};
    const char *input = test_scratch_path("odd.pth"), *output = test_scratch_path("out.bin");
    cr_assert(test_small_model_write(input, &odd));
    seen_types seen = {0};
    rk_convert_result result;
    rk_convert_options options = {
        .dtype = RK_DTYPE_Q5_0, .report = count_types, .report_user = &seen};
    cr_assert_eq(rk_convert(input, output, &options, &result, &err), RK_OK, "%s", err.message);
    cr_expect_eq(seen.n_blocks, 2u); // ffn.value [48, 64] of two layers
    cr_expect_eq(seen.n_fp16, 14u);
    cr_expect_eq(result.n_unfit, 12u);
    options.mix = RK_MIX_PURE;
    cr_assert_eq(rk_convert(input, output, &options, &result, &err), RK_OK, "%s", err.message);
    cr_expect_eq(result.n_unfit, 14u); // embedding and head, too
    seen = (seen_types){0};
    options = (rk_convert_options){
        .dtype = RK_DTYPE_Q4_2_V100, .report = count_types, .report_user = &seen};
    cr_assert_eq(rk_convert(input, output, &options, &result, &err), RK_OK, "%s", err.message);
    cr_expect_eq(seen.n_blocks, 14u);
    cr_expect_eq(result.n_unfit, 0u);
    const rk_type_rule rule = {"1\\.ffn\\.key", RK_DTYPE_Q5_0};
    options = (rk_convert_options){.dtype = RK_DTYPE_Q5_0, .rules = &rule, .n_rules = 1};
    cr_expect_eq(rk_convert(input, output, &options, &result, &err), RK_ERR_ARGUMENT);
    cr_expect_not_null(strstr(err.message, "blocks.1.ffn.key.weight"), "%s", err.message);
}
