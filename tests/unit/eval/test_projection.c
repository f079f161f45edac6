// Random projections.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rk/projection.h"
#include "support/small_model.h"

static void project(float *out, size_t n_in, size_t n_out, uint64_t seed, const float *rows,
                    size_t n_rows) {
    const rk_projection p = {n_in, n_out, seed};
    rk_error err = {0};
    cr_assert_eq(rk_project(out, &p, rows, n_rows, &err), RK_OK, "%s", err.message);
}

// Each column goes to four places, one in each quarter, as +1/2 or -1/2.
Test(projection, unit_vectors_keep_their_length) {
    enum { IN = 200, OUT = 37 };
    float row[IN], out[OUT];
    size_t used[OUT] = {0}, negative = 0;
    for (size_t c = 0; c < IN; c++) {
        memset(row, 0, sizeof row);
        row[c] = 1;
        project(out, IN, OUT, 3, row, 1);
        size_t in_quarter[4] = {0};
        for (size_t i = 0; i < OUT; i++) {
            if (out[i] == 0) continue;
            cr_assert(out[i] == 0.5F || out[i] == -0.5F);
            negative += out[i] < 0;
            used[i]++;
            for (size_t q = 0; q < 4; q++) {
                in_quarter[q] += i >= OUT * q / 4 && i < OUT * (q + 1) / 4;
            }
        }
        for (size_t q = 0; q < 4; q++) cr_assert_eq(in_quarter[q], 1, "column %zu", c);
    }
    for (size_t i = 0; i < OUT; i++) cr_assert_gt(used[i], 0, "output %zu is never used", i);
    // 800 coins: 400 with a deviation of 14.
    cr_assert(negative > 330 && negative < 470, "%zu negative", negative);
}

Test(projection, is_linear_and_does_not_depend_on_other_rows) {
    enum { IN = 50, OUT = 16 };
    float rows[3][IN], together[3][OUT], alone[OUT];
    test_fill(&rows[0][0], 2 * IN, 1, 5);
    for (size_t i = 0; i < IN; i++) rows[2][i] = rows[0][i] - 2 * rows[1][i];
    project(&together[0][0], IN, OUT, 9, &rows[0][0], 3);
    for (size_t r = 0; r < 3; r++) {
        project(alone, IN, OUT, 9, rows[r], 1);
        cr_assert_eq(memcmp(alone, together[r], sizeof alone), 0);
    }
    for (size_t i = 0; i < OUT; i++) {
        cr_assert_float_eq((double)together[2][i],
                           (double)together[0][i] - 2 * (double)together[1][i], 1e-5);
    }
}

// The squared lengths of 100 vectors: their errors have mean 0 and deviation sqrt(2 / n_out).
Test(projection, lengths_are_kept_on_average) {
    enum { IN = 1000, OUT = 64, N = 100 };
    float *rows = calloc(N * IN, sizeof *rows), *out = calloc(N * OUT, sizeof *out);
    test_fill(rows, N * IN, 1, 11);
    double sum = 0, squares = 0;
    for (size_t r = 0; r < N; r++) {
        // Each with a seed of its own, so that the errors are independent.
        project(out, IN, OUT, 100 + r, rows + r * IN, 1);
        double before = 0, after = 0;
        for (size_t i = 0; i < IN; i++)
            before += (double)rows[r * IN + i] * (double)rows[r * IN + i];
        for (size_t i = 0; i < OUT; i++) after += (double)out[i] * (double)out[i];
        const double error = after / before - 1;
        sum += error;
        squares += error * error;
    }
    const double expected = sqrt(2.0 / OUT);
    cr_assert(fabs(sum / N) < 4 * expected / 10, "mean error %g", sum / N);
    const double deviation = sqrt(squares / N);
    cr_assert(deviation > 0.7 * expected && deviation < 1.3 * expected, "deviation %g", deviation);
    free(rows);
    free(out);
}

Test(projection, seeds_differ_and_repeat) {
    enum { IN = 40, OUT = 8 };
    float row[IN], a[OUT], b[OUT];
    test_fill(row, IN, 1, 2);
    project(a, IN, OUT, 1, row, 1);
    project(b, IN, OUT, 1, row, 1);
    cr_assert_eq(memcmp(a, b, sizeof a), 0);
    project(b, IN, OUT, 2, row, 1);
    cr_assert_neq(memcmp(a, b, sizeof a), 0);
    project(b, IN, OUT, UINT64_C(1) << 32 | 1, row, 1);
    cr_assert_neq(memcmp(a, b, sizeof a), 0);
}

// Files that were made with a seed are to be found again: these values must not change. They come
// from a second implementation of Philox and of the contract.
Test(projection, is_the_same_for_ever) {
    enum { IN = 6, OUT = 8 };
    const float row[IN] = {1, 2, 4, 8, 16, 32};
    const float expected[OUT] = {-26, 4.5F, -20, -7.5F, -11, 5.5F, 12, -8.5F};
    float out[OUT];
    project(out, IN, OUT, 1, row, 1);
    for (size_t i = 0; i < OUT; i++) cr_assert_eq(out[i], expected[i], "output %zu", i);
}

Test(projection, too_narrow_is_refused) {
    const rk_projection p = {10, RK_PROJECTION_LEAST - 1, 1};
    float row[10] = {0}, out[4];
    rk_error err = {0};
    cr_assert_eq(rk_project(out, &p, row, 1, &err), RK_ERR_ARGUMENT);
}
