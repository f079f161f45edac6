// Ridge regression on sets of folds.
#include "eval/ridge.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "convert/blas.h"
#include "eval/probe_internal.h"

enum { PANEL = RK__RIDGE_ROWS }; // rows, or columns in the dual, that are widened together

static double target_of(const rk__ridge *r, size_t row, size_t target) {
    const size_t label = r->data->labels[row];
    return (r->n_targets == 1 ? label == 1 : label == target) ? 1 : -1;
}

static bool is_in(const rk__ridge *r, size_t row, rk__folds folds) {
    return (folds >> r->fold[row] & 1u) != 0;
}

// ---- the sums

static void find_mean(rk__ridge *r) {
    const rk_probe_data *d = r->data;
    for (size_t i = 0; i < d->n_rows; i++) {
        const float *const row = d->rows + i * d->n_columns;
        for (size_t c = 0; c < d->n_columns; c++) r->mean[c] += (double)row[c];
    }
    for (size_t c = 0; c < d->n_columns; c++) r->mean[c] /= (double)d->n_rows;
}

static void centre_row(const rk__ridge *r, size_t row, double *out) {
    const size_t n = r->data->n_columns;
    const float *const x = r->data->rows + row * n;
    for (size_t c = 0; c < n; c++) out[c] = (double)x[c] - r->mean[c];
}

static void add_row_sums(rk__ridge *r, size_t row, const double *x) {
    const size_t n = r->n, fold = r->fold[row];
    for (size_t c = 0; c < n; c++) r->sums[fold * n + c] += x[c];
    for (size_t t = 0; t < r->n_targets; t++) {
        double *const products = r->products + (fold * r->n_targets + t) * n;
        const double y = target_of(r, row, t);
        for (size_t c = 0; c < n; c++) products[c] += y * x[c];
    }
}

static void sum_fold(rk__ridge *r, size_t fold) {
    assert(r->sums != NULL && r->products != NULL); // not in the dual
    const size_t n = r->n;
    size_t waiting = 0;
    for (size_t i = 0; i <= r->data->n_rows; i++) {
        const bool end = i == r->data->n_rows;
        if (!end && r->fold[i] == fold) {
            double *const x = r->panel + waiting++ * n;
            centre_row(r, i, x);
            add_row_sums(r, i, x);
        }
        if (waiting == 0 || (!end && waiting < PANEL)) continue;
        rk__blas_add_gram_of_columns(r->gram + fold * n * n, r->panel, n, waiting);
        waiting = 0;
    }
}

// The products of all rows with each other, both triangles.
static void multiply_rows(rk__ridge *r) {
    const rk_probe_data *d = r->data;
    const size_t n = d->n_rows;
    for (size_t first = 0; first < d->n_columns; first += PANEL) {
        const size_t left = d->n_columns - first, width = left < PANEL ? left : PANEL;
        for (size_t i = 0; i < n; i++) {
            const float *const x = d->rows + i * d->n_columns + first;
            for (size_t c = 0; c < width; c++) {
                r->panel[i * width + c] = (double)x[c] - r->mean[first + c];
            }
        }
        rk__blas_add_gram_of_rows(r->gram, r->panel, n, width);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) r->gram[j * n + i] = r->gram[i * n + j];
    }
}

// Zeros for a x b x c doubles.
static rk_status alloc_cube(double **out, size_t a, size_t b, size_t c, rk_error *err) {
    size_t n;
    *out = NULL;
    if (!rk_size_mul(&n, a, b) || !rk_size_mul(&n, n, c)) return rk__fail_memory(err, SIZE_MAX);
    return rk__alloc((void **)out, n, sizeof **out, err);
}

rk_status rk__ridge_init(rk__ridge *ridge, const rk_probe_data *data, const uint8_t *fold,
                         rk_error *err) {
    *ridge = (rk__ridge){.data = data,
                         .fold = fold,
                         .dual = data->n_columns > data->n_rows,
                         .n_targets = data->n_classes == 2 ? 1 : data->n_classes};
    const size_t n = ridge->n = ridge->dual ? data->n_rows : data->n_columns;
    RK_TRY(alloc_cube(&ridge->mean, data->n_columns, 1, 1, err));
    RK_TRY(alloc_cube(&ridge->panel, n, PANEL, 1, err));
    RK_TRY(alloc_cube(&ridge->gram, ridge->dual ? 1 : RK_PROBE_FOLDS, n, n, err));
    find_mean(ridge);
    if (ridge->dual) {
        multiply_rows(ridge);
        return RK_OK;
    }
    RK_TRY(alloc_cube(&ridge->sums, RK_PROBE_FOLDS, n, 1, err));
    RK_TRY(alloc_cube(&ridge->products, RK_PROBE_FOLDS, ridge->n_targets, n, err));
    for (size_t f = 0; f < RK_PROBE_FOLDS; f++) sum_fold(ridge, f);
    return RK_OK;
}

void rk__ridge_fini(rk__ridge *ridge) {
    rk__free(ridge->mean);
    rk__free(ridge->gram);
    rk__free(ridge->sums);
    rk__free(ridge->products);
    rk__free(ridge->panel);
    *ridge = (rk__ridge){0};
}

// ---- fits

rk_status rk__ridge_fit_init(rk__ridge_fit *fit, const rk__ridge *ridge, rk_error *err) {
    const size_t n = ridge->n, n_targets = ridge->n_targets;
    *fit = (rk__ridge_fit){0};
    RK_TRY(alloc_cube(&fit->system, n, n, 1, err));
    RK_TRY(alloc_cube(&fit->factor, n, n, 1, err));
    RK_TRY(alloc_cube(&fit->right, n_targets, n, 1, err));
    RK_TRY(alloc_cube(&fit->solutions, RK_PROBE_STRENGTHS, n_targets, n, err));
    RK_TRY(alloc_cube(&fit->offsets, RK_PROBE_STRENGTHS, n_targets, 1, err));
    RK_TRY(alloc_cube(&fit->centre, n, 1, 1, err));
    return rk__alloc((void **)&fit->members, ridge->data->n_rows, sizeof *fit->members, err);
}

void rk__ridge_fit_fini(rk__ridge_fit *fit) {
    rk__free(fit->system);
    rk__free(fit->factor);
    rk__free(fit->right);
    rk__free(fit->solutions);
    rk__free(fit->offsets);
    rk__free(fit->centre);
    rk__free(fit->members);
    *fit = (rk__ridge_fit){0};
}

// The rows of the folds. Returns their number.
static size_t list_members(rk__ridge_fit *fit, const rk__ridge *r, rk__folds folds) {
    size_t n = 0;
    for (size_t i = 0; i < r->data->n_rows; i++) {
        if (is_in(r, i, folds)) fit->members[n++] = i;
    }
    return n;
}

static double mean_target(const rk__ridge_fit *fit, const rk__ridge *r, size_t n_rows, size_t t) {
    double sum = 0;
    for (size_t i = 0; i < n_rows; i++) sum += target_of(r, fit->members[i], t);
    return sum / (double)n_rows;
}

// The normal equations of the rows of these folds, relative to their own mean.
static void assemble_columns(rk__ridge_fit *fit, const rk__ridge *r, rk__folds folds,
                             size_t n_rows) {
    const size_t n = fit->n = r->n;
    memset(fit->system, 0, n * n * sizeof *fit->system);
    memset(fit->centre, 0, n * sizeof *fit->centre);
    memset(fit->right, 0, r->n_targets * n * sizeof *fit->right);
    for (size_t f = 0; f < RK_PROBE_FOLDS; f++) {
        if ((folds >> f & 1u) == 0) continue;
        const double *const gram = r->gram + f * n * n, *const sums = r->sums + f * n;
        const double *const products = r->products + f * r->n_targets * n;
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j <= i; j++) fit->system[i * n + j] += gram[i * n + j];
            fit->centre[i] += sums[i] / (double)n_rows;
        }
        for (size_t i = 0; i < r->n_targets * n; i++) fit->right[i] += products[i];
    }
    for (size_t i = 0; i < n; i++) {
        const double x = fit->centre[i] * (double)n_rows;
        for (size_t j = 0; j <= i; j++) fit->system[i * n + j] -= x * fit->centre[j];
    }
    for (size_t t = 0; t < r->n_targets; t++) {
        const double y = mean_target(fit, r, n_rows, t) * (double)n_rows;
        for (size_t i = 0; i < n; i++) fit->right[t * n + i] -= y * fit->centre[i];
    }
}

// The dual problem of the rows of these folds, relative to their own mean.
static void assemble_rows(rk__ridge_fit *fit, const rk__ridge *r, size_t n_rows) {
    const size_t n = fit->n = n_rows, stride = r->n;
    double mean = 0;
    for (size_t i = 0; i < n; i++) {
        const double *const gram = r->gram + fit->members[i] * stride;
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += gram[fit->members[j]];
        fit->centre[i] = sum / (double)n;
        mean += fit->centre[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double *const gram = r->gram + fit->members[i] * stride;
        for (size_t j = 0; j <= i; j++) {
            fit->system[i * n + j] = gram[fit->members[j]] - fit->centre[i] - fit->centre[j] + mean;
        }
    }
    for (size_t t = 0; t < r->n_targets; t++) {
        const double y = mean_target(fit, r, n, t);
        for (size_t i = 0; i < n; i++) {
            fit->right[t * n + i] = target_of(r, fit->members[i], t) - y;
        }
    }
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

void rk__ridge_solve(rk__ridge_fit *fit, const rk__ridge *ridge, rk__folds folds,
                     const double *strengths, size_t n_strengths) {
    const size_t n_rows = list_members(fit, ridge, folds), n_targets = ridge->n_targets;
    if (ridge->dual) {
        assemble_rows(fit, ridge, n_rows);
    } else {
        assemble_columns(fit, ridge, folds, n_rows);
    }
    const size_t n = fit->n;
    fit->n_solutions = n_strengths * n_targets;
    double trace = 0;
    for (size_t i = 0; i < n; i++) trace += fit->system[i * n + i];
    // Where all rows are the same, any penalty will do.
    const double scale = trace > 0 ? trace / (double)n_rows : 1;
    for (size_t s = 0; s < n_strengths; s++) {
        double *const solutions = fit->solutions + s * n_targets * n;
        memcpy(fit->factor, fit->system, n * n * sizeof *fit->factor);
        for (size_t i = 0; i < n; i++) fit->factor[i * n + i] += strengths[s] * scale;
        memcpy(solutions, fit->right, n_targets * n * sizeof *solutions);
        fit->usable[s] = rk__blas_cholesky(fit->factor, n);
        if (fit->usable[s]) rk__blas_cholesky_solve(fit->factor, n, solutions, n_targets);
        for (size_t t = 0; t < n_targets; t++) {
            fit->offsets[s * n_targets + t] =
                mean_target(fit, ridge, n_rows, t) - dot(solutions + t * n, fit->centre, n);
        }
    }
}

// ---- what comes of it

static void take_features(const rk__ridge_fit *fit, const rk__ridge *r, size_t row, double *out) {
    if (!r->dual) {
        centre_row(r, row, out);
        return;
    }
    for (size_t i = 0; i < fit->n; i++) out[i] = r->gram[row * r->n + fit->members[i]];
}

static void count_rows(size_t *correct, const rk__ridge_fit *fit, const rk__ridge *r,
                       const size_t *rows, size_t n_rows, size_t n_strengths, double *sums) {
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t s = 0; s < n_strengths; s++) {
            double *const sum = sums + i * fit->n_solutions + s * r->n_targets;
            for (size_t t = 0; t < r->n_targets; t++) {
                sum[t] += fit->offsets[s * r->n_targets + t];
            }
            double score;
            const size_t best = rk__probe_decide(sum, r->data->n_classes, &score);
            correct[s] += fit->usable[s] && best == r->data->labels[rows[i]];
        }
    }
}

void rk__ridge_count(size_t *correct, const rk__ridge_fit *fit, const rk__ridge *ridge, size_t fold,
                     size_t n_strengths, double *features, double *sums) {
    size_t rows[RK__RIDGE_ROWS], waiting = 0;
    memset(correct, 0, n_strengths * sizeof *correct);
    for (size_t i = 0; i <= ridge->data->n_rows; i++) {
        const bool end = i == ridge->data->n_rows;
        if (!end && ridge->fold[i] == fold) {
            take_features(fit, ridge, i, features + waiting * fit->n);
            rows[waiting++] = i;
        }
        if (waiting == 0 || (!end && waiting < RK__RIDGE_ROWS)) continue;
        rk__blas_multiply_by_rows(sums, features, fit->solutions, waiting, fit->n_solutions,
                                  fit->n);
        count_rows(correct, fit, ridge, rows, waiting, n_strengths, sums);
        waiting = 0;
    }
}

void rk__ridge_weights(float *weights, double *bias, const rk__ridge_fit *fit,
                       const rk__ridge *ridge) {
    const rk_probe_data *d = ridge->data;
    for (size_t t = 0; t < ridge->n_targets; t++) {
        const double *const solution = fit->solutions + t * fit->n;
        bias[t] = fit->offsets[t];
        for (size_t c = 0; c < d->n_columns; c++) {
            double w = ridge->dual ? 0 : solution[c];
            for (size_t i = 0; ridge->dual && i < fit->n; i++) {
                const double x = (double)d->rows[fit->members[i] * d->n_columns + c];
                w += solution[i] * (x - ridge->mean[c]);
            }
            weights[t * d->n_columns + c] = (float)w;
            bias[t] -= (double)(float)w * ridge->mean[c];
        }
    }
}
