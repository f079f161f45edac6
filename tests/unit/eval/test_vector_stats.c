// Statistics of columns: against two passes over the same rows, and through files.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/vector_stats.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(vector_stats, .fini = test_scratch_remove);

enum { ROWS = 300, COLUMNS = 11 };
static const char key[] = "RWKV-4 0123456789abcdef source=aa/bb layers=0..4";
static float rows[ROWS][COLUMNS];

// Columns of very different ranges, one of them constant.
static void fill_rows(void) {
    test_fill(&rows[0][0], ROWS * COLUMNS, 1, 7);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            rows[i][c] = rows[i][c] * powf(10, (float)c - 5) + 1000.0F * (float)(c % 3);
        }
        rows[i][4] = 2.5F;
    }
}

static rk_vector_stats *new_stats(size_t first, size_t n) {
    rk_vector_stats *s = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_vector_stats_new(&s, COLUMNS, &err), RK_OK, "%s", err.message);
    for (size_t i = first; i < first + n; i++) rk_vector_stats_add(s, rows[i]);
    return s;
}

// In two passes, in float64.
static void expect_exact(const rk_vector_stats *s) {
    cr_assert_eq(rk_vector_stats_count(s), ROWS);
    for (size_t c = 0; c < COLUMNS; c++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < ROWS; i++) mean += (double)rows[i][c] / ROWS;
        for (size_t i = 0; i < ROWS; i++) {
            squares += ((double)rows[i][c] - mean) * ((double)rows[i][c] - mean);
        }
        const double deviation = sqrt(squares / (ROWS - 1));
        cr_assert_float_eq(rk_vector_stats_mean(s, c), mean, 1e-12 * fabs(mean) + 1e-15);
        cr_assert_float_eq(rk_vector_stats_deviation(s, c), deviation,
                           1e-9 * deviation + 1e-13 * fabs(mean), "column %zu", c);
    }
}

Test(vector_stats, one_pass_equals_two, .init = fill_rows) {
    rk_vector_stats *s = new_stats(0, ROWS);
    cr_assert_eq(rk_vector_stats_columns(s), COLUMNS);
    expect_exact(s);
    rk_vector_stats_free(&s);
    cr_assert_null(s);
}

Test(vector_stats, parts_merged_equal_the_whole, .init = fill_rows) {
    static const size_t cuts[] = {0, 1, 2, 150, 299, 300};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        rk_vector_stats *a = new_stats(0, cuts[i]), *b = new_stats(cuts[i], ROWS - cuts[i]);
        cr_assert_eq(rk_vector_stats_merge(a, b, NULL), RK_OK);
        expect_exact(a);
        rk_vector_stats_free(&a);
        rk_vector_stats_free(&b);
    }
    rk_vector_stats *a = new_stats(0, 1), *other = NULL;
    cr_assert_eq(rk_vector_stats_new(&other, COLUMNS + 1, NULL), RK_OK);
    cr_assert_eq(rk_vector_stats_merge(a, other, NULL), RK_ERR_SHAPE);
    cr_assert_eq(rk_vector_stats_count(a), 1);
    rk_vector_stats_free(&other);
    rk_vector_stats_free(&a);
}

Test(vector_stats, normalised_rows_have_mean_0_and_deviation_1, .init = fill_rows) {
    rk_vector_stats *s = new_stats(0, ROWS), *after = NULL;
    cr_assert_eq(rk_vector_stats_new(&after, COLUMNS, NULL), RK_OK);
    for (size_t i = 0; i < ROWS; i++) {
        float row[COLUMNS];
        memcpy(row, rows[i], sizeof row);
        rk_vector_stats_normalise(s, row);
        cr_assert_eq(row[4], 0, "a column that never changes");
        rk_vector_stats_add(after, row);
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        if (c == 4) continue;
        // Columns whose range is a float's rounding of their mean count as constant.
        const bool varies = rk_vector_stats_deviation(s, c) > 1e-6 * rk_vector_stats_mean(s, c);
        cr_assert_float_eq(rk_vector_stats_mean(after, c), 0, 1e-6);
        cr_assert_float_eq(rk_vector_stats_deviation(after, c), varies ? 1 : 0, 1e-6, "column %zu",
                           c);
    }
    rk_vector_stats_free(&s);
    rk_vector_stats_free(&after);
}

Test(vector_stats, of_no_row_and_of_one) {
    rk_vector_stats *s = NULL;
    cr_assert_eq(rk_vector_stats_new(&s, 0, NULL), RK_ERR_ARGUMENT);
    cr_assert_null(s);
    cr_assert_eq(rk_vector_stats_new(&s, 2, NULL), RK_OK);
    cr_assert_eq(rk_vector_stats_deviation(s, 0), 0);
    const float row[] = {3, -4};
    rk_vector_stats_add(s, row);
    cr_assert_eq(rk_vector_stats_mean(s, 1), -4);
    cr_assert_eq(rk_vector_stats_deviation(s, 1), 0);
    rk_vector_stats_free(&s);
}

// ---- files

static const char *save(void) {
    const char *path = test_scratch_path("stats.bin");
    rk_vector_stats *s = new_stats(0, ROWS);
    rk_error err = {0};
    cr_assert_eq(rk_vector_stats_save(s, key, path, &err), RK_OK, "%s", err.message);
    rk_vector_stats_free(&s);
    return path;
}

Test(vector_stats, files_hold_every_bit, .init = fill_rows) {
    const char *path = save();
    rk_vector_stats *s = new_stats(0, ROWS), *back = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_vector_stats_open(&back, path, key, COLUMNS, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_vector_stats_count(back), ROWS);
    for (size_t c = 0; c < COLUMNS; c++) {
        cr_assert_eq(rk_vector_stats_mean(back, c), rk_vector_stats_mean(s, c));
        cr_assert_eq(rk_vector_stats_deviation(back, c), rk_vector_stats_deviation(s, c));
    }
    rk_vector_stats_free(&back);
    rk_vector_stats_free(&s);
}

Test(vector_stats, files_of_other_vectors_are_refused, .init = fill_rows) {
    const char *path = save();
    rk_vector_stats *s = (rk_vector_stats *)&rows;
    rk_error err = {0};
    const char *other = "RWKV-4 0123456789abcdef source=aa/bb layers=0..3";
    cr_assert_eq(rk_vector_stats_open(&s, path, other, COLUMNS, &err), RK_ERR_MISMATCH);
    cr_assert_null(s);
    cr_assert_not_null(strstr(err.message, key), "%s", err.message);
    cr_assert_not_null(strstr(err.message, other), "%s", err.message);
    cr_assert_eq(rk_vector_stats_open(&s, path, key, COLUMNS + 1, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, "12"), "%s", err.message);
    cr_assert_eq(rk_vector_stats_open(&s, test_scratch_path("none"), key, COLUMNS, &err),
                 RK_ERR_IO);
}

Test(vector_stats, no_changed_byte_and_no_cut_goes_unnoticed, .init = fill_rows) {
    const char *path = save();
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    cr_assert_eq(size, 40 + sizeof key - 1 + 16 * COLUMNS);
    rk_vector_stats *s = NULL;
    rk_error err = {0};
    for (size_t i = 0; i < size; i++) {
        file[i] ^= 0x10;
        cr_assert(test_write_file(path, file, size));
        cr_assert_neq(rk_vector_stats_open(&s, path, key, COLUMNS, &err), RK_OK, "byte %zu", i);
        cr_assert_null(s);
        cr_assert_not_null(strstr(err.message, "stats.bin"), "%s", err.message);
        file[i] ^= 0x10;
    }
    for (size_t n = 0; n < size; n++) {
        cr_assert(test_write_file(path, file, n));
        cr_assert_neq(rk_vector_stats_open(&s, path, key, COLUMNS, &err), RK_OK, "%zu bytes", n);
    }
    cr_assert(test_write_file(path, file, size));
    cr_assert_eq(rk_vector_stats_open(&s, path, key, COLUMNS, &err), RK_OK);
    rk_vector_stats_free(&s);
    free(file);
}

Test(vector_stats, statistics_of_nothing_are_not_read) {
    const char *path = test_scratch_path("stats.bin");
    rk_vector_stats *s = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_vector_stats_new(&s, 3, NULL), RK_OK);
    cr_assert_eq(rk_vector_stats_save(s, key, path, &err), RK_OK);
    rk_vector_stats_free(&s);
    cr_assert_eq(rk_vector_stats_open(&s, path, key, 3, &err), RK_ERR_RANGE);
}
