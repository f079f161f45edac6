// Cosines, and the best of many rows.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "rk/similarity.h"
#include "support/small_model.h"

Test(similarity, cosines) {
    const float a[] = {3, 4, 0}, b[] = {-3, -4, 0}, c[] = {0, 0, 2}, d[] = {4, 3, 0}, zero[3] = {0};
    cr_assert_float_eq(rk_cosine(a, a, 3), 1, 1e-15);
    cr_assert_float_eq(rk_cosine(a, b, 3), -1, 1e-15);
    cr_assert_eq(rk_cosine(a, c, 3), 0);
    cr_assert_float_eq(rk_cosine(a, d, 3), 24.0 / 25, 1e-15);
    cr_assert_eq(rk_cosine(a, zero, 3), 0);
    const float large[] = {3e38F, 0, 0}, small[] = {1e-38F, 0, 0};
    cr_assert_float_eq(rk_cosine(large, small, 3), 1, 1e-12, "no overflow");
}

static int compare(const void *a, const void *b) {
    const rk_neighbour *x = a, *y = b;
    if (x->similarity != y->similarity) return x->similarity < y->similarity ? 1 : -1;
    return x->row < y->row ? -1 : 1;
}

Test(similarity, the_nearest_are_those_that_sorting_finds) {
    enum { ROWS = 500, COLUMNS = 4 };
    float query[COLUMNS];
    float(*rows)[COLUMNS] = calloc(ROWS, sizeof *rows);
    test_fill(query, COLUMNS, 1, 1);
    test_fill(&rows[0][0], ROWS * COLUMNS, 1, 2);
    for (size_t i = 0; i < COLUMNS; i++) rows[400][i] = rows[17][i]; // a tie
    rk_neighbour all[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        all[i] = (rk_neighbour){i, rk_cosine(query, rows[i], COLUMNS)};
    }
    qsort(all, ROWS, sizeof all[0], compare);
    static const size_t mosts[] = {1, 2, 10, 499, 500, 1000};
    for (size_t k = 0; k < sizeof mosts / sizeof mosts[0]; k++) {
        rk_nearest *nearest = NULL;
        cr_assert_eq(rk_nearest_new(&nearest, query, COLUMNS, mosts[k], NULL), RK_OK);
        for (size_t i = 0; i < ROWS; i++) rk_nearest_add(nearest, i, rows[i]);
        size_t count;
        const rk_neighbour *found = rk_nearest_found(nearest, &count);
        cr_assert_eq(count, mosts[k] < ROWS ? mosts[k] : ROWS);
        for (size_t i = 0; i < count; i++) cr_assert_eq(found[i].row, all[i].row, "place %zu", i);
        rk_nearest_free(&nearest);
        cr_assert_null(nearest);
    }
    free(rows);
}

Test(similarity, what_is_no_number_is_like_nothing) {
    const float query[] = {1, 1}, broken[] = {NAN, 1}, fine[] = {-1, -1};
    rk_nearest *nearest = NULL;
    cr_assert_eq(rk_nearest_new(&nearest, query, 2, 0, NULL), RK_ERR_ARGUMENT);
    cr_assert_null(nearest);
    cr_assert_eq(rk_nearest_new(&nearest, query, 2, 3, NULL), RK_OK);
    rk_nearest_add(nearest, 5, broken);
    rk_nearest_add(nearest, 6, fine);
    size_t count;
    const rk_neighbour *found = rk_nearest_found(nearest, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(found[0].row, 6);
    rk_nearest_free(&nearest);
}
