// Adapters out of two models, and the truncated decomposition that makes them.
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_files.h"
#include "convert/low_rank.h"
#include "rk/extract.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(extract, .fini = test_scratch_remove);

static const test_small_model tiny = {
    .n_vocab = 96, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 3};
static rk_error last_error;

// ---- the decomposition

// b a, in double.
static double element(const float *b, const float *a, size_t columns, size_t rank, size_t i,
                      size_t j) {
    double sum = 0;
    for (size_t k = 0; k < rank; k++) sum += (double)b[i * rank + k] * (double)a[k * columns + j];
    return sum;
}

// A matrix with these singular values, by turning a diagonal one with reflections.
static void make_matrix(float *d, size_t rows, size_t columns, const double *values, size_t n) {
    float *u = calloc(rows, sizeof *u), *v = calloc(columns, sizeof *v);
    double uu = 0, vv = 0;
    test_fill(u, rows, 1, 5);
    test_fill(v, columns, 1, 6);
    for (size_t i = 0; i < rows; i++) uu += (double)u[i] * (double)u[i];
    for (size_t j = 0; j < columns; j++) vv += (double)v[j] * (double)v[j];
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) {
                const double left = (i == k) - 2 * (double)u[i] * (double)u[k] / uu;
                const double right = (j == k) - 2 * (double)v[j] * (double)v[k] / vv;
                sum += values[k] * left * right;
            }
            d[i * columns + j] = (float)sum;
        }
    }
    free(u);
    free(v);
}

// The squares that are left are those of the singular values beyond the rank.
static void expect_truncated(size_t rows, size_t columns, const double *values, size_t n,
                             size_t rank) {
    float *d = calloc(rows * columns, sizeof *d);
    float *a = calloc(rank * columns, sizeof *a), *b = calloc(rows * rank, sizeof *b);
    double squares = 0, all = 0, left = 0;
    make_matrix(d, rows, columns, values, n);
    for (size_t k = 0; k < n; k++) all += values[k] * values[k];
    for (size_t k = rank; k < n; k++) left += values[k] * values[k];
    cr_assert_eq(rk__low_rank(b, a, d, rows, columns, rank, &last_error), RK_OK, "%s",
                 last_error.message);
    for (size_t i = 0; i < rows * columns; i++) {
        const double off = (double)d[i] - element(b, a, columns, rank, i / columns, i % columns);
        squares += off * off;
    }
    cr_expect(squares <= left * (1 + 1e-3) + 1e-10 * all, "%zu x %zu, rank %zu: %g, expected %g",
              rows, columns, rank, squares, left);
    // The factors share the singular values: row k of a is as long as the root of the k-th one.
    for (size_t k = 0; k < rank && k < n; k++) {
        double length = 0;
        for (size_t j = 0; j < columns; j++) {
            length += (double)a[k * columns + j] * (double)a[k * columns + j];
        }
        cr_expect_float_eq(length, values[k], 1e-3 * values[k] + 1e-5 * values[0], "%zu: %g", k,
                           length);
    }
    free(d);
    free(a);
    free(b);
}

Test(extract, decompositions) {
    double falling[40], flat[40];
    for (size_t i = 0; i < 40; i++) {
        falling[i] = pow(0.8, (double)i);
        flat[i] = i < 20 ? 1.0 - 0.01 * (double)i : 0.5;
    }
    const size_t shapes[][2] = {{60, 41}, {41, 60}, {40, 40}, {300, 50}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        expect_truncated(shapes[s][0], shapes[s][1], falling, 40, 8);
        expect_truncated(shapes[s][0], shapes[s][1], falling, 40, 40);
        expect_truncated(shapes[s][0], shapes[s][1], falling, 40, 1);
        expect_truncated(shapes[s][0], shapes[s][1], falling, 3, 3);
        expect_truncated(shapes[s][0], shapes[s][1], falling, 3, 8); // more than there is
        expect_truncated(shapes[s][0], shapes[s][1], flat, 40, 5);
    }
    expect_truncated(1, 7, falling, 1, 1);
    expect_truncated(7, 1, falling, 1, 1);
}

// ---- adapters

static rk_extract_result extract(const char *model, const char *base, const char *output,
                                 size_t rank) {
    rk_extract_result result;
    const rk_extract_options options = {.rank = rank};
    cr_assert_eq(rk_extract_adapter(model, base, output, &options, &result, &last_error), RK_OK,
                 "%s", last_error.message);
    size_t size;
    free(test_read_file(output, &size));
    cr_expect_eq(result.output_bytes, size);
    return result;
}

static void merge(const char *base, const char *adapter, double alpha, const char *output) {
    const rk_adapter one = {.path = adapter, .alpha = alpha, .scale = 1};
    test_convert(base, output,
                 &(rk_convert_options){.dtype = RK_DTYPE_F32, .adapters = &one, .n_adapters = 1});
}

// A change of rank 8 on some matrices, into the file "merged.bin".
static void write_changed_model(void) {
    enum { RANK = 8 };
    static float a[RANK * 128], b[128 * RANK];
    test_fill(a, RANK * 128, 0.3F, 1);
    test_fill(b, 128 * RANK, 0.3F, 2);
    const test_pth_tensor pairs[] = {
        {"blocks.0.att.key.lora_A", "FloatStorage", 2, {RANK, 64}, NULL, a, RANK * 64},
        {"blocks.0.att.key.lora_B", "FloatStorage", 2, {64, RANK}, NULL, b, 64 * RANK},
        {"blocks.1.ffn.key.lora_A", "FloatStorage", 2, {RANK, 64}, NULL, a + 5, RANK * 64},
        {"blocks.1.ffn.key.lora_B", "FloatStorage", 2, {128, RANK}, NULL, b, 128 * RANK},
        {"head.lora_A", "FloatStorage", 2, {RANK, 64}, NULL, a + 9, RANK * 64},
        {"head.lora_B", "FloatStorage", 2, {96, RANK}, NULL, b + 3, 96 * RANK},
    };
    const char *model = test_scratch_path("model.pth"), *lora = test_scratch_path("lora.pth");
    cr_assert(test_small_model_write(model, &tiny));
    cr_assert(test_pth_write(lora, pairs, 6));
    test_convert(model, test_scratch_path("base.bin"),
                 &(rk_convert_options){.dtype = RK_DTYPE_F32});
    merge(model, lora, 16, test_scratch_path("merged.bin"));
}

Test(extract, a_change_of_rank_8_comes_back) {
    write_changed_model();
    const char *base = test_scratch_path("base.bin"), *merged = test_scratch_path("merged.bin");
    const char *adapter = test_scratch_path("adapter.safetensors");
    const char *again = test_scratch_path("again.bin");
    const rk_extract_result result = extract(merged, base, adapter, 8);
    cr_expect_eq(result.n_pairs, 3);
    cr_expect_eq(result.n_whole, 0);
    rk_checkpoint *file = test_open(adapter);
    cr_expect_eq(rk_checkpoint_count(file), 6);
    cr_expect_str_eq(rk_checkpoint_note(file, "alpha"), "8");
    cr_expect_null(rk_checkpoint_note(file, "beta"));
    rk_checkpoint_close(&file);
    merge(base, adapter, NAN, again); // its alpha is in the file
    // Of the change, not of the weights: those are what it is added to.
    cr_expect_gt(test_largest_difference(base, merged), 0.1);
    const double off = test_largest_difference(merged, again);
    cr_expect(off <= 1e-4, "%g", off);
    // And away again, since nothing was replaced.
    const rk_adapter one = {.path = adapter, .alpha = NAN, .scale = 1};
    test_convert(again, merged,
                 &(rk_convert_options){
                     .dtype = RK_DTYPE_F32, .adapters = &one, .n_adapters = 1, .subtract = true});
    cr_expect(test_largest_difference(base, merged) <= 1e-6);
}

typedef struct told {
    size_t n, n_exact, n_rough;
} told;

static void note(void *user, const rk_extract_tensor *tensor) {
    told *t = user;
    t->n++;
    cr_expect_gt(tensor->rms_base, 0);
    cr_expect_gt(tensor->rms_change, 0);
    cr_expect_eq(tensor->rank, 4);
    t->n_exact += tensor->rms_left <= 1e-5 * tensor->rms_change;
    t->n_rough +=
        tensor->rms_left > 0.1 * tensor->rms_change && tensor->rms_left < 0.9 * tensor->rms_change;
}

// With less rank than the change has something is left, and the report tells how much.
Test(extract, what_is_left_is_told) {
    write_changed_model();
    told t = {0};
    const rk_extract_options options = {.rank = 4, .report = note, .report_user = &t};
    cr_assert_eq(rk_extract_adapter(test_scratch_path("merged.bin"), test_scratch_path("base.bin"),
                                    test_scratch_path("adapter.safetensors"), &options, NULL,
                                    &last_error),
                 RK_OK, "%s", last_error.message);
    cr_expect_eq(t.n, 3);
    cr_expect_eq(t.n_rough, 3);
}

// Every version, everything different: whatever is no weight matrix is taken whole, and pairs of
// full rank are the difference. Model files and checkpoints, either way round.
Test(extract, everything_of_every_version) {
    static const char *const versions[] = {"v4", "v5.1", "v5.2", "v6", "v7"};
    const char *other = test_scratch_path("other.pth"), *base = test_scratch_path("base.bin");
    const char *adapter = test_scratch_path("adapter.safetensors");
    const char *wanted = test_scratch_path("wanted.bin"), *output = test_scratch_path("out.bin");
    for (size_t v = 0; v < sizeof versions / sizeof versions[0]; v++) {
        char model[512];
        (void)snprintf(model, sizeof model, "%s/models/%s.pth", RK_TEST_DATA, versions[v]);
        test_write_changed(other, model, 1.2F, 0.01F);
        test_convert(other, wanted, &(rk_convert_options){.dtype = RK_DTYPE_F32});
        test_convert(model, base, &(rk_convert_options){.dtype = RK_DTYPE_F32});
        const rk_extract_result result = extract(other, base, adapter, 4096);
        cr_expect_eq(result.n_equal, 0, "%s: %zu", versions[v], result.n_equal);
        cr_expect_gt(result.n_whole, result.n_pairs);
        merge(model, adapter, NAN, output);
        const double off = test_largest_difference(wanted, output);
        cr_expect(off <= 1e-5, "%s: %g", versions[v], off);
    }
}

static void expect_refused(const char *model, const char *base, size_t rank, rk_status status,
                           const char *part) {
    const char *output = test_scratch_path("adapter.safetensors");
    const rk_extract_options options = {.rank = rank};
    const rk_status got = rk_extract_adapter(model, base, output, &options, NULL, &last_error);
    cr_expect_eq(got, status, "%s", rk_status_name(got));
    cr_expect_not_null(strstr(last_error.message, part), "\"%s\" lacks \"%s\"", last_error.message,
                       part);
    cr_expect_not(test_file_exists(output));
}

Test(extract, what_cannot_be_compared) {
    char v7[512], v4[512];
    (void)snprintf(v7, sizeof v7, "%s/models/v7.pth", RK_TEST_DATA);
    (void)snprintf(v4, sizeof v4, "%s/models/v4.pth", RK_TEST_DATA);
    const char *small = test_scratch_path("small.pth"), *wide = test_scratch_path("wide.pth");
    test_small_model sizes = tiny;
    cr_assert(test_small_model_write(small, &sizes));
    sizes.n_ffn = 160;
    cr_assert(test_small_model_write(wide, &sizes));
    expect_refused(v7, v4, 8, RK_ERR_MISMATCH, "is RWKV-7 with");
    expect_refused(small, wide, 8, RK_ERR_MISMATCH,
                   "blocks.0.ffn.key.weight is 160 x 64, expected");
    expect_refused(small, small, 8, RK_ERR_MISMATCH, "does not differ from");
    expect_refused(small, wide, 0, RK_ERR_ARGUMENT, "rank 0");
    expect_refused(small, wide, 4097, RK_ERR_ARGUMENT, "rank 4097");
    expect_refused(NULL, wide, 8, RK_ERR_ARGUMENT, "needs a model");
    expect_refused(small, test_scratch_path("none"), 8, RK_ERR_IO, "none");
}

// NaN in a model is no change that could be written.
Test(extract, values_that_are_no_numbers) {
    test_small_tensors list = test_small_model_new(&tiny);
    const char *base = test_scratch_path("base.pth"), *model = test_scratch_path("nan.pth");
    cr_assert(test_pth_write(base, list.tensors, list.count));
    test_small_model_find(&list, "blocks.1.ffn.value.weight")[77] = NAN;
    cr_assert(test_pth_write(model, list.tensors, list.count));
    test_small_model_free(&list);
    expect_refused(model, base, 8, RK_ERR_RANGE, "blocks.1.ffn.value.weight differs by what is no");
}

static bool stop(void *user, uint64_t done, uint64_t total) {
    (void)total;
    return done < *(const uint64_t *)user;
}

Test(extract, can_be_cancelled) {
    write_changed_model();
    const char *output = test_scratch_path("adapter.safetensors");
    for (uint64_t limit = 1; limit < 400000; limit = 8 * limit) {
        const rk_extract_options options = {.rank = 8, .progress = {stop, &limit}};
        cr_expect_eq(rk_extract_adapter(test_scratch_path("merged.bin"),
                                        test_scratch_path("base.bin"), output, &options, NULL,
                                        &last_error),
                     RK_ERR_CANCELLED);
        cr_expect_not(test_file_exists(output));
    }
    cr_expect_eq(test_scratch_count(), 4); // no temporary file either
}

// The same model in another type is no difference; what was trained besides is.
Test(extract, types_are_no_difference) {
    write_changed_model();
    const char *base = test_scratch_path("base.bin"), *half = test_scratch_path("half.bin");
    const char *merged = test_scratch_path("merged.bin");
    const char *adapter = test_scratch_path("adapter.safetensors");
    test_convert(base, half, &(rk_convert_options){.dtype = RK_DTYPE_F16});
    expect_refused(half, base, 8, RK_ERR_MISMATCH, "does not differ from");
    expect_refused(base, half, 8, RK_ERR_MISMATCH, "does not differ from");
    cr_expect_eq(extract(merged, half, adapter, 8).n_pairs, 3);
    test_convert(merged, half, &(rk_convert_options){.dtype = RK_DTYPE_F16});
    cr_expect_eq(extract(half, base, adapter, 8).n_pairs, 3);
}
