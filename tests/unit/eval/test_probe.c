// Probes: against the normal equations solved here, on data that can and cannot be told apart, and
// through files.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/probe.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(probe, .fini = test_scratch_remove);

static const char *const names[] = {"no", "yes", "may \"be\""};
static const char key[] = "RWKV-4 0123456789abcdef source=aa/bb layers=0..4";

// Rows of noise, on top of which a label moves the first columns.
typedef struct sample {
    float *rows;
    size_t *labels;
    rk_probe_data data;
} sample;

static sample make_sample(size_t n_rows, size_t n_columns, size_t n_classes, float shift,
                          unsigned seed) {
    sample s = {.rows = calloc(n_rows * n_columns, sizeof(float)),
                .labels = calloc(n_rows, sizeof(size_t))};
    test_fill(s.rows, n_rows * n_columns, 1, seed);
    float *coins = calloc(n_rows, sizeof *coins);
    test_fill(coins, n_rows, 1, seed + 1000);
    for (size_t i = 0; i < n_rows; i++) {
        s.labels[i] = (size_t)((coins[i] + 1) / 2 * (float)n_classes) % n_classes;
        s.rows[i * n_columns + s.labels[i]] += shift;
        s.rows[i * n_columns + n_columns - 1] += 100; // a mean that must not matter
    }
    free(coins);
    s.data = (rk_probe_data){s.rows, n_rows, n_columns, s.labels, names, n_classes};
    return s;
}

static void free_sample(sample *s) {
    free(s->rows);
    free(s->labels);
}

static rk_probe *fit(const rk_probe_data *data, rk_probe_report *report) {
    rk_probe *probe = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_probe_fit(&probe, data, 1, NULL, report, &err), RK_OK, "%s", err.message);
    return probe;
}

// ---- the solution

// Solves a[n][n] x = b by elimination with pivots.
static void solve(double *a, double *b, size_t n) {
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++) {
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
        }
        for (size_t j = 0; j < n; j++) {
            const double swap = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        const double swap = b[k];
        b[k] = b[pivot];
        b[pivot] = swap;
        for (size_t i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
            b[i] -= factor * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) b[k] -= a[k * n + j] * b[j];
        b[k] /= a[k * n + k];
    }
}

// What the sum for `target` must be for each row: ridge regression of +1 and -1 with an unpenalised
// bias, by its normal equations.
static void expected_sums(double *sums, const rk_probe_data *d, size_t target, double strength) {
    const size_t n = d->n_columns;
    double *a = calloc(n * n, sizeof *a), *b = calloc(n, sizeof *b),
           *mean = calloc(n, sizeof *mean);
    double y_mean = 0, lengths = 0;
    for (size_t i = 0; i < d->n_rows; i++) {
        y_mean += (d->labels[i] == target ? 1.0 : -1.0) / (double)d->n_rows;
        for (size_t c = 0; c < n; c++) {
            mean[c] += (double)d->rows[i * n + c] / (double)d->n_rows;
        }
    }
    for (size_t i = 0; i < d->n_rows; i++) {
        const double y = (d->labels[i] == target ? 1.0 : -1.0) - y_mean;
        for (size_t c = 0; c < n; c++) {
            const double x = (double)d->rows[i * n + c] - mean[c];
            b[c] += x * y;
            lengths += x * x / (double)d->n_rows;
            for (size_t k = 0; k < n; k++) {
                a[c * n + k] += x * ((double)d->rows[i * n + k] - mean[k]);
            }
        }
    }
    for (size_t c = 0; c < n; c++) a[c * n + c] += strength * lengths;
    solve(a, b, n);
    for (size_t i = 0; i < d->n_rows; i++) {
        sums[i] = y_mean;
        for (size_t c = 0; c < n; c++) sums[i] += b[c] * ((double)d->rows[i * n + c] - mean[c]);
    }
    free(a);
    free(b);
    free(mean);
}

// With more rows than columns and with fewer: two ways to the same solution.
Test(probe, is_the_solution_of_ridge_regression) {
    static const struct { size_t rows, columns; } shapes[] = {{150, 6}, {20, 35}};
    for (size_t k = 0; k < 2; k++) {
        sample s = make_sample(shapes[k].rows, shapes[k].columns, 2, 1, 3);
        rk_probe_report report;
        rk_probe *probe = fit(&s.data, &report);
        double *sums = calloc(s.data.n_rows, sizeof *sums);
        expected_sums(sums, &s.data, 1, report.strength);
        for (size_t i = 0; i < s.data.n_rows; i++) {
            double score;
            const size_t class = rk_probe_predict(probe, s.rows + i * s.data.n_columns, &score);
            cr_assert_float_eq(score, 2 * fabs(sums[i]), 2e-5, "row %zu", i);
            cr_assert_eq(class, sums[i] > 0, "row %zu", i);
        }
        free(sums);
        rk_probe_free(&probe);
        cr_assert_null(probe);
        free_sample(&s);
    }
}

Test(probe, of_three_classes_takes_the_largest_sum) {
    sample s = make_sample(200, 5, 3, 1, 4);
    rk_probe_report report;
    rk_probe *probe = fit(&s.data, &report);
    double *sums = calloc(3 * s.data.n_rows, sizeof *sums);
    for (size_t t = 0; t < 3; t++) {
        expected_sums(sums + t * s.data.n_rows, &s.data, t, report.strength);
    }
    for (size_t i = 0; i < s.data.n_rows; i++) {
        const double all[] = {sums[i], sums[200 + i], sums[400 + i]};
        size_t best = 0;
        for (size_t t = 1; t < 3; t++) best = all[t] > all[best] ? t : best;
        double second = -1e9, score;
        for (size_t t = 0; t < 3; t++) second = t != best && all[t] > second ? all[t] : second;
        cr_assert_eq(rk_probe_predict(probe, s.rows + i * 5, &score), best);
        cr_assert_float_eq(score, all[best] - second, 2e-5);
    }
    free(sums);
    rk_probe_free(&probe);
    free_sample(&s);
}

// ---- the accuracy

Test(probe, what_can_be_told_is_told_on_unseen_rows, .timeout = 60) {
    for (size_t columns = 8; columns <= 512; columns *= 64) { // both ways
        sample s = make_sample(400, columns, 3, 20, 5);
        rk_probe_report report;
        rk_probe *probe = fit(&s.data, &report);
        cr_assert_geq(report.accuracy, 0.99, "%zu columns: %g", columns, report.accuracy);
        cr_assert_eq(report.n_rows, 400);
        free_sample(&s);
        // Rows that played no part in the fit.
        sample fresh = make_sample(400, columns, 3, 20, 6);
        size_t right = 0;
        for (size_t i = 0; i < 400; i++) {
            right += rk_probe_predict(probe, fresh.rows + i * columns, NULL) == fresh.labels[i];
        }
        cr_assert_geq(right, 390, "%zu columns: %zu", columns, right);
        rk_probe_free(&probe);
        free_sample(&fresh);
    }
}

// More columns than rows, and labels that are coins: whatever is fitted, the report says chance.
Test(probe, what_cannot_be_told_is_chance, .timeout = 60) {
    for (unsigned seed = 0; seed < 4; seed++) {
        sample s = make_sample(300, seed % 2 == 0 ? 600 : 40, 2, 0, 50 + seed);
        rk_probe_report report;
        rk_probe *probe = fit(&s.data, &report);
        const double error = report.standard_error;
        cr_assert_float_eq(error, sqrt(report.accuracy * (1 - report.accuracy) / 300), 1e-12);
        cr_assert(fabs(report.accuracy - 0.5) < 4 * error, "seed %u: %g", seed, report.accuracy);
        cr_assert(report.most_common >= 0.5 && report.most_common < 0.65);
        rk_probe_free(&probe);
        free_sample(&s);
    }
}

Test(probe, the_same_rows_give_the_same_probe) {
    sample s = make_sample(60, 20, 2, 1, 8);
    rk_probe_report a, b;
    rk_probe *p = fit(&s.data, &a), *q = fit(&s.data, &b);
    cr_assert_eq(memcmp(&a, &b, sizeof a), 0);
    for (size_t i = 0; i < 60; i++) {
        double x, y;
        rk_probe_predict(p, s.rows + i * 20, &x);
        rk_probe_predict(q, s.rows + i * 20, &y);
        cr_assert_eq(x, y);
    }
    rk_probe_free(&p);
    rk_probe_free(&q);
    free_sample(&s);
}

Test(probe, rows_that_are_all_the_same_give_the_most_common_class) {
    enum { ROWS = 30 };
    float rows[ROWS][3];
    size_t labels[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < 3; c++) rows[i][c] = (float)c;
        labels[i] = i % 3 == 0;
    }
    const rk_probe_data data = {&rows[0][0], ROWS, 3, labels, names, 2};
    rk_probe_report report;
    rk_probe *probe = fit(&data, &report);
    cr_assert_float_eq(report.accuracy, 20.0 / 30, 1e-12);
    cr_assert_eq(rk_probe_predict(probe, rows[0], NULL), 0);
    rk_probe_free(&probe);
}

static bool stop_at_three(void *user, uint64_t done, uint64_t total) {
    (void)user;
    cr_assert_eq(total, 16);
    return done < 3;
}

Test(probe, what_is_refused) {
    sample s = make_sample(40, 5, 2, 1, 9);
    rk_probe *probe = (rk_probe *)&s;
    rk_probe_report report;
    rk_error err = {0};
    rk_probe_data few = s.data;
    few.n_rows = 9;
    cr_assert_eq(rk_probe_fit(&probe, &few, 1, NULL, &report, &err), RK_ERR_ARGUMENT);
    cr_assert_null(probe);
    rk_probe_data one = s.data;
    one.n_classes = 1;
    cr_assert_eq(rk_probe_fit(&probe, &one, 1, NULL, &report, &err), RK_ERR_ARGUMENT);
    rk_probe_data more = s.data;
    more.n_classes = 3; // no row has the third one
    cr_assert_eq(rk_probe_fit(&probe, &more, 1, NULL, &report, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "may"), "%s", err.message);
    s.labels[7] = 2;
    cr_assert_eq(rk_probe_fit(&probe, &s.data, 1, NULL, &report, &err), RK_ERR_RANGE);
    s.labels[7] = 1;
    const rk_progress progress = {.report = stop_at_three};
    cr_assert_eq(rk_probe_fit(&probe, &s.data, 1, &progress, &report, &err), RK_ERR_CANCELLED);
    cr_assert_null(probe);
    free_sample(&s);
}

// ---- files

static const char *save(const rk_probe *probe) {
    const char *path = test_scratch_path("probe.json");
    rk_error err = {0};
    cr_assert_eq(rk_probe_save(probe, key, path, &err), RK_OK, "%s", err.message);
    return path;
}

Test(probe, files_predict_the_same) {
    for (size_t n_classes = 2; n_classes <= 3; n_classes++) {
        sample s = make_sample(100, 30, n_classes, 1, 10);
        rk_probe_report report;
        rk_probe *probe = fit(&s.data, &report), *back = NULL;
        rk_error err = {0};
        cr_assert_eq(rk_probe_open(&back, save(probe), key, 30, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_probe_columns(back), 30);
        cr_assert_eq(rk_probe_classes(back), n_classes);
        for (size_t i = 0; i < n_classes; i++) cr_assert_str_eq(rk_probe_class(back, i), names[i]);
        cr_assert_eq(rk_probe_quality(back)->n_rows, 100);
        cr_assert_float_eq(rk_probe_quality(back)->accuracy, report.accuracy, 1e-8);
        cr_assert_float_eq(rk_probe_quality(back)->strength, report.strength, 1e-8);
        for (size_t i = 0; i < 100; i++) {
            double a, b;
            const float *row = s.rows + i * 30;
            cr_assert_eq(rk_probe_predict(probe, row, &a), rk_probe_predict(back, row, &b));
            cr_assert_float_eq(a, b, 1e-6);
        }
        rk_probe_free(&probe);
        rk_probe_free(&back);
        free_sample(&s);
    }
}

// Replaces the first `from` of a saved probe by `to`, and tries to open it.
static rk_status open_changed(const unsigned char *file, size_t size, const char *from,
                              const char *to, rk_error *err) {
    const char *path = test_scratch_path("changed.json");
    const unsigned char *at = memmem(file, size, from, strlen(from));
    cr_assert_not_null(at, "%s", from);
    const size_t before = (size_t)(at - file), after = size - before - strlen(from);
    unsigned char *changed = calloc(size + strlen(to) + 1, 1);
    memcpy(changed, file, before);
    memcpy(changed + before, to, strlen(to));
    memcpy(changed + before + strlen(to), at + strlen(from), after);
    cr_assert(test_write_file(path, changed, before + strlen(to) + after));
    free(changed);
    rk_probe *probe = NULL;
    const rk_status status = rk_probe_open(&probe, path, key, 3, err);
    cr_assert_eq(probe == NULL, status != RK_OK);
    rk_probe_free(&probe);
    return status;
}

Test(probe, files_that_are_not_as_they_should_be) {
    sample s = make_sample(40, 3, 3, 1, 11);
    rk_probe_report report;
    rk_probe *probe = fit(&s.data, &report);
    const char *path = save(probe);
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    static const struct {
        const char *from, *to;
        rk_status status;
    } changes[] = {
        {"\"schema\": 1", "\"schema\": 2", RK_ERR_UNSUPPORTED},
        {"\"ridge\"", "\"magic\"", RK_ERR_UNSUPPORTED},
        {"\"columns\": 3", "\"columns\": 4", RK_ERR_MISMATCH},
        {"\"columns\": 3", "\"columns\": -3", RK_ERR_FORMAT},
        {"layers=0..4", "layers=0..3", RK_ERR_MISMATCH},
        {"\"accuracy\": ", "\"accuracy\": 7", RK_ERR_FORMAT},
        {"\"accuracy\": ", "\"accuracy\": null, \"x\": ", RK_ERR_FORMAT},
        {"\"classes\": [\"no\", ", "\"classes\": [", RK_ERR_FORMAT},
        {"\"no\"", "12", RK_ERR_FORMAT},
        {"\"bias\": [", "\"bias\": [0, ", RK_ERR_FORMAT},
        {"\"weights\": [", "\"weights\": [[0, 0, 0], ", RK_ERR_FORMAT},
        {"    [", "    [1e39, ", RK_ERR_FORMAT},
        {"    [", "    [\"1\", ", RK_ERR_FORMAT},
        {"    [", "    [0, ", RK_ERR_FORMAT},
        {"\"weights\"", "\"weight\"", RK_ERR_FORMAT},
        {"\"bias\"", "\"bias\": [], \"bias\"", RK_ERR_FORMAT},
        {"\n}", "\n]", RK_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        rk_error err = {0};
        cr_assert_eq(open_changed(file, size, changes[i].from, changes[i].to, &err),
                     changes[i].status, "%s -> %s: %s", changes[i].from, changes[i].to,
                     err.message);
        cr_assert_not_null(strstr(err.message, "changed.json"), "%s", err.message);
    }
    rk_error err = {0};
    cr_assert_eq(open_changed(file, size, "schema", "schema", &err), RK_OK, "%s", err.message);
    rk_probe_free(&probe);
    cr_assert_eq(rk_probe_open(&probe, test_scratch_path("none"), key, 3, &err), RK_ERR_IO);
    free(file);
    free_sample(&s);
}

Test(probe, a_probe_too_large_for_a_file_is_not_written) {
    enum { COLUMNS = RK_PROBE_MOST_WEIGHTS / 3 + 1 };
    sample s = make_sample(12, COLUMNS, 3, 1, 12);
    for (size_t i = 0; i < 12; i++) s.labels[i] = i % 3;
    rk_probe_report report;
    rk_probe *probe = fit(&s.data, &report);
    rk_error err = {0};
    const char *path = test_scratch_path("probe.json");
    cr_assert_eq(rk_probe_save(probe, key, path, &err), RK_ERR_UNSUPPORTED);
    cr_assert_not(test_file_exists(path));
    rk_probe_free(&probe);
    free_sample(&s);
}
