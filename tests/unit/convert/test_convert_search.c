// Quantizing files by either method, with and without an importance matrix.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "convert/imatrix_record.h"
#include "kernels/rows_search.h"
#include "rk/checkpoint.h"
#include "rk/convert.h"
#include "support/scratch.h"
#include "tensor/convert_row.h"

TestSuite(convert_search, .fini = test_scratch_remove);

static const char demo[] = RK_MODELS "/demo/demo-rwkv4.pth";
static const char matrix[] = "blocks.1.ffn.key.weight";
enum { ROWS = 768, COLUMNS = 192 };

static void convert(const char *output, const rk_convert_options *options,
                    rk_convert_result *result) {
    rk_error err = {0};
    cr_assert_eq(rk_convert(demo, output, options, result, &err), RK_OK, "%s", err.message);
}

// A tensor of a file as it is stored; release with free.
static uint8_t *stored(const char *path, const char *name, size_t *size) {
    rk_checkpoint *file;
    rk_error err = {0};
    size_t index, rows, columns;
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK, "%s", err.message);
    cr_assert(rk_checkpoint_find(file, name, &index));
    const rk_tensor_info *info = rk_checkpoint_tensor(file, index);
    cr_assert(rk_shape_matrix(&rows, &columns, &info->shape));
    cr_assert(rk_tensor_bytes(size, info));
    uint8_t *bytes = malloc(*size);
    cr_assert_eq(rk_checkpoint_read_raw(file, index, 0, rows, bytes, *size, &err), RK_OK);
    rk_checkpoint_close(&file);
    return bytes;
}

static float *original(const char *name) {
    rk_checkpoint *file;
    size_t index;
    float *values = malloc((size_t)ROWS * COLUMNS * sizeof *values);
    cr_assert_eq(rk_checkpoint_open(&file, demo, NULL), RK_OK);
    cr_assert(rk_checkpoint_find(file, name, &index));
    cr_assert_eq(rk_checkpoint_read_floats(file, index, 0, ROWS, values, NULL), RK_OK);
    rk_checkpoint_close(&file);
    return values;
}

// Knows one matrix: that its first channels matter more than the others and, with a group, that
// neighbours go together.
static rk_imatrix *new_imatrix(size_t n_channels, size_t group) {
    rk_imatrix *imatrix;
    rk__imatrix_record *r;
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    cr_assert_eq(rk__imatrix_add(imatrix, matrix, strlen(matrix), n_channels, group, &r, NULL),
                 RK_OK);
    r->n_tokens = 100;
    for (size_t i = 0; i < n_channels; i++) r->mean_squares[i] = i < 32 ? 100.0F : 1.0F;
    for (size_t i = 0; i < n_channels; i++) {
        float *moments = r->moments + (group == 0 ? 0 : rk__imatrix_products_of(group, i));
        for (size_t j = 0; group > 0 && j <= i % group; j++) {
            const size_t other = i - i % group + j;
            const float scale = i < 32 && other < 32 ? 100.0F : i < 32 || other < 32 ? 10.0F : 1.0F;
            moments[j] = (i == other ? 1.0F : 0.6F) * scale;
        }
    }
    return imatrix;
}

static void expect_blocks(const char *path, rk_dtype dtype, const uint8_t *expected) {
    size_t size, row_bytes;
    uint8_t *found = stored(path, matrix, &size);
    cr_assert(rk_dtype_row_bytes(&row_bytes, dtype, COLUMNS));
    cr_assert_eq(size, ROWS * row_bytes);
    cr_assert_eq(memcmp(found, expected, size), 0, "%s", rk_dtype_describe(dtype)->name);
    free(found);
}

static const rk_dtype formats[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q5_0, RK_DTYPE_Q5_1};

Test(convert_search, rounding_is_that_of_the_reference) {
    const char *path = test_scratch_path("round.bin");
    float *values = original(matrix);
    uint8_t *expected = malloc((size_t)ROWS * COLUMNS);
    for (size_t f = 0; f < 4; f++) {
        const rk_convert_options options = {
            .dtype = formats[f], .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
        convert(path, &options, NULL);
        rk__row_encoder_of(formats[f])(expected, values, (size_t)ROWS * COLUMNS);
        expect_blocks(path, formats[f], expected);
    }
    free(values);
    free(expected);
}

static void check_searched(const rk_imatrix *imatrix, const rk__search *search) {
    const char *path = test_scratch_path("search.bin");
    float *values = original(matrix);
    float *scratch = malloc((rk__search_scratch(search, ROWS) + 1) * sizeof *scratch);
    uint8_t *expected = malloc((size_t)ROWS * COLUMNS);
    rk__rows rows;
    rk__rows_init(&rows, RK__ISA_SCALAR);
    for (size_t f = 0; f < 4; f++) {
        const rk_convert_options options = {
            .dtype = formats[f], .imatrix = imatrix, .mix = RK_MIX_REFERENCE};
        convert(path, &options, NULL);
        rk__search_rows(&rows, formats[f], search, expected, values, ROWS, COLUMNS, scratch);
        expect_blocks(path, formats[f], expected);
    }
    free(values);
    free(scratch);
    free(expected);
}

Test(convert_search, searching_is_the_default) {
    check_searched(NULL, &(rk__search){NULL, NULL});
}

Test(convert_search, importance_reaches_the_search) {
    rk_imatrix *imatrix = new_imatrix(COLUMNS, 0);
    check_searched(imatrix, &(rk__search){rk_imatrix_at(imatrix, 0).mean_squares, NULL});
    rk_imatrix_free(&imatrix);
}

Test(convert_search, products_of_channels_become_a_compensation) {
    enum { GROUP = 64 };
    rk_imatrix *imatrix = new_imatrix(COLUMNS, GROUP);
    const rk_imatrix_entry entry = rk_imatrix_at(imatrix, 0);
    double *work = malloc(2 * GROUP * GROUP * sizeof *work);
    rk__compensation c;
    cr_assert_eq(rk__compensation_init(&c, COLUMNS, GROUP, NULL), RK_OK);
    for (size_t g = 0; g < COLUMNS / GROUP; g++) {
        rk__compensation_solve(&c, g, entry.mean_squares, entry.moments, work);
    }
    check_searched(imatrix, &(rk__search){entry.mean_squares, &c});
    free(work);
    rk__compensation_fini(&c);
    rk_imatrix_free(&imatrix);
}

Test(convert_search, threads_make_no_difference) {
    rk_imatrix *imatrix = new_imatrix(COLUMNS, 96);
    const char *alone = test_scratch_path("one.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_Q4_1, .imatrix = imatrix};
    convert(alone, &options, NULL);
    for (size_t n = 2; n <= 3; n++) {
        const char *path = test_scratch_path(n == 2 ? "two.bin" : "three.bin");
        cr_assert_eq(rk_pool_new(&options.pool, &(rk_pool_options){.n_threads = n}, NULL), RK_OK);
        convert(path, &options, NULL);
        cr_assert(test_same_bytes(alone, path), "%zu threads", n);
        rk_pool_free(&options.pool);
    }
    rk_imatrix_free(&imatrix);
}

Test(convert_search, matrices_that_nothing_is_known_of_are_counted) {
    rk_imatrix *imatrix = new_imatrix(COLUMNS, 0);
    rk_convert_result result = {0};
    rk_convert_options options = {
        .dtype = RK_DTYPE_Q4_0, .imatrix = imatrix, .mix = RK_MIX_REFERENCE};
    convert(test_scratch_path("counted.bin"), &options, &result);
    cr_assert_eq(result.n_unweighted, 5 * 7 - 1);
    options.imatrix = NULL;
    convert(test_scratch_path("counted.bin"), &options, &result);
    cr_assert_eq(result.n_unweighted, 0);
    rk_imatrix_free(&imatrix);
}

static void expect_mismatch(const rk_imatrix *imatrix, const char *says) {
    const rk_convert_options options = {.dtype = RK_DTYPE_Q4_0, .imatrix = imatrix};
    const char *path = test_scratch_path("no.bin");
    rk_convert_result plan;
    rk_error err = {0};
    cr_assert_eq(rk_convert(demo, path, &options, NULL, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, says), "%s", err.message);
    cr_assert_not(test_file_exists(path));
    cr_assert_eq(rk_convert_plan(demo, &options, &plan, &err), RK_ERR_MISMATCH);
}

Test(convert_search, an_imatrix_of_another_model_is_refused) {
    rk_imatrix *imatrix = new_imatrix(64, 0);
    expect_mismatch(imatrix, "blocks.1.ffn.key.weight has 192 columns");
    rk_imatrix_free(&imatrix);
    imatrix = new_imatrix(64, 0);
    strcpy(imatrix->records[0].name, "blk.1.ffn_up.weight");
    expect_mismatch(imatrix, "knows none of its matrices");
    rk_imatrix_free(&imatrix);
}

// Types without a search have no use for it.
Test(convert_search, other_types_do_not_look_at_it) {
    rk_imatrix *imatrix = new_imatrix(64, 0);
    const char *with = test_scratch_path("with.bin"), *without = test_scratch_path("without.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_Q8_0, .imatrix = imatrix};
    convert(with, &options, NULL);
    options.imatrix = NULL;
    options.method = RK_METHOD_ROUND;
    convert(without, &options, NULL);
    cr_assert(test_same_bytes(with, without));
    rk_imatrix_free(&imatrix);
}

Test(convert_search, more_memory_is_announced) {
    rk_imatrix *imatrix = new_imatrix(COLUMNS, 192);
    rk_convert_options options = {.dtype = RK_DTYPE_Q4_0, .mix = RK_MIX_REFERENCE};
    rk_convert_result without, with;
    cr_assert_eq(rk_convert_plan(demo, &options, &without, NULL), RK_OK);
    options.imatrix = imatrix;
    cr_assert_eq(rk_convert_plan(demo, &options, &with, NULL), RK_OK);
    const size_t factors = COLUMNS * 192 * sizeof(float), work = 2 * 192 * 192 * sizeof(double);
    cr_assert_geq(with.peak_memory, without.peak_memory + factors + work);
    cr_assert_eq(with.output_bytes, without.output_bytes);
    rk_imatrix_free(&imatrix);
}
