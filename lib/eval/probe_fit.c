// Fitting a probe: cross-validation on two levels, then a fit on everything.
//
// Fold f is predicted by fits on all other folds; which strength they have is decided by fits on
// the others but one, g, on which they are tried. The fits without f and g serve both of them, so
// 5 folds need 10 sets of fits for the choice, 5 for the prediction, and 1 in the end.
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "eval/probe_internal.h"
#include "eval/ridge.h"

enum { FOLDS = RK_PROBE_FOLDS, STRENGTHS = RK_PROBE_STRENGTHS };

// From nearly none to one that leaves nothing but the classes' shares.
static const double strengths[STRENGTHS] = {1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4};

typedef struct fitting {
    const rk_probe_data *data;
    const rk_progress *progress; // or NULL
    uint64_t steps;
    uint8_t *fold; // [n_rows]
    rk__ridge ridge;
    rk__ridge_fit fit;
    double *features, *sums;         // room of rk__ridge_count
    size_t choice[FOLDS][STRENGTHS]; // right in the other folds, for a fold and a strength
    size_t right[FOLDS][STRENGTHS];  // right in the fold itself, by fits on all others
} fitting;

// ---- checks and folds

static rk_status check_data(const rk_probe_data *d, size_t *largest, rk_error *err) {
    if (d->n_columns == 0 || d->n_rows < 2 * FOLDS || d->n_classes < 2) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%zu rows of %zu columns in %zu classes; a probe needs at least %d rows "
                        "and 2 classes",
                        d->n_rows, d->n_columns, d->n_classes, 2 * FOLDS);
    }
    size_t *counts = NULL;
    RK_TRY(rk__alloc((void **)&counts, d->n_classes, sizeof *counts, err));
    rk_status status = RK_OK;
    for (size_t i = 0; status == RK_OK && i < d->n_rows; i++) {
        if (d->labels[i] < d->n_classes) {
            counts[d->labels[i]]++;
        } else {
            status = rk__fail(err, RK_ERR_RANGE, "label %zu of row %zu; there are %zu classes",
                              d->labels[i], i, d->n_classes);
        }
    }
    *largest = 0;
    for (size_t i = 0; status == RK_OK && i < d->n_classes; i++) {
        if (counts[i] > *largest) *largest = counts[i];
        if (counts[i] > 0) continue;
        status = rk__fail(err, RK_ERR_ARGUMENT, "class '%s' has no row", d->classes[i]);
    }
    rk__free(counts);
    return status;
}

// Deals the rows into folds, shuffled, one class after the other.
static rk_status deal(fitting *f, uint64_t seed, rk_error *err) {
    const rk_probe_data *d = f->data;
    size_t *order = NULL;
    RK_TRY(rk__alloc((void **)&f->fold, d->n_rows, sizeof *f->fold, err));
    RK_TRY(rk__alloc((void **)&order, d->n_rows, sizeof *order, err));
    rk__random random = {.seed = seed};
    for (size_t i = 0; i < d->n_rows; i++) {
        const size_t at = (size_t)(rk__random_uniform(&random) * (double)(i + 1));
        order[i] = order[at];
        order[at] = i;
    }
    size_t dealt = 0;
    for (size_t c = 0; c < d->n_classes; c++) {
        for (size_t i = 0; i < d->n_rows; i++) {
            if (d->labels[order[i]] == c) f->fold[order[i]] = (uint8_t)(dealt++ % FOLDS);
        }
    }
    rk__free(order);
    return RK_OK;
}

// ---- cross-validation

static rk_status report_step(fitting *f, rk_error *err) {
    enum { TOTAL = FOLDS * (FOLDS - 1) / 2 + FOLDS + 1 };
    f->steps++;
    const rk_progress *p = f->progress;
    if (p == NULL || p->report == NULL || p->report(p->user, f->steps, TOTAL)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "cancelled");
}

static void add_counts(fitting *f, size_t fold, size_t *total) {
    size_t correct[STRENGTHS];
    rk__ridge_count(correct, &f->fit, &f->ridge, fold, STRENGTHS, f->features, f->sums);
    for (size_t s = 0; s < STRENGTHS; s++) total[s] += correct[s];
}

static rk_status cross_validate(fitting *f, rk_error *err) {
    for (size_t a = 0; a < FOLDS; a++) {
        for (size_t b = 0; b < a; b++) {
            const rk__folds others = RK__ALL_FOLDS & ~(1u << a) & ~(1u << b);
            rk__ridge_solve(&f->fit, &f->ridge, others, strengths, STRENGTHS);
            add_counts(f, b, f->choice[a]);
            add_counts(f, a, f->choice[b]);
            RK_TRY(report_step(f, err));
        }
    }
    for (size_t a = 0; a < FOLDS; a++) {
        rk__ridge_solve(&f->fit, &f->ridge, RK__ALL_FOLDS & ~(1u << a), strengths, STRENGTHS);
        add_counts(f, a, f->right[a]);
        RK_TRY(report_step(f, err));
    }
    return RK_OK;
}

// The best of the strengths; of equal ones the strongest.
static size_t best_of(const size_t *right) {
    size_t best = 0;
    for (size_t s = 1; s < STRENGTHS; s++) best = right[s] >= right[best] ? s : best;
    return best;
}

// Fills the report; returns the strength for the final fit.
static size_t summarize(const fitting *f, size_t largest, rk_probe_report *report) {
    const double n = (double)f->data->n_rows;
    size_t total[STRENGTHS] = {0}, right = 0;
    for (size_t a = 0; a < FOLDS; a++) {
        right += f->right[a][best_of(f->choice[a])];
        for (size_t s = 0; s < STRENGTHS; s++) total[s] += f->right[a][s];
    }
    const size_t best = best_of(total);
    const double accuracy = (double)right / n;
    *report = (rk_probe_report){.n_rows = f->data->n_rows,
                                .accuracy = accuracy,
                                .standard_error = sqrt(accuracy * (1 - accuracy) / n),
                                .most_common = (double)largest / n,
                                .strength = strengths[best]};
    for (size_t s = 0; s < STRENGTHS; s++) {
        report->strengths[s] = strengths[s];
        report->accuracies[s] = (double)total[s] / n;
    }
    return best;
}

// ---- all of it

static rk_status prepare(fitting *f, uint64_t seed, rk_error *err) {
    RK_TRY(deal(f, seed, err));
    RK_TRY(rk__ridge_init(&f->ridge, f->data, f->fold, err));
    RK_TRY(rk__ridge_fit_init(&f->fit, &f->ridge, err));
    RK_TRY(rk__alloc((void **)&f->features, RK__RIDGE_ROWS * f->ridge.n, sizeof *f->features, err));
    return rk__alloc((void **)&f->sums, RK__RIDGE_ROWS * STRENGTHS * f->ridge.n_targets,
                     sizeof *f->sums, err);
}

static rk_status fit_all(rk_probe **out, fitting *f, size_t largest, rk_probe_report *report,
                         rk_error *err) {
    const rk_probe_data *d = f->data;
    const size_t best = summarize(f, largest, report);
    rk__ridge_solve(&f->fit, &f->ridge, RK__ALL_FOLDS, &strengths[best], 1);
    if (!f->fit.usable[0]) {
        return rk__fail(err, RK_ERR_RANGE,
                        "the rows' products cannot be solved for: values of "
                        "very different size?");
    }
    RK_TRY(rk__probe_new(out, d->n_columns, d->classes, d->n_classes, err));
    rk__ridge_weights((*out)->weights, (*out)->bias, &f->fit, &f->ridge);
    (*out)->quality = *report;
    return report_step(f, err);
}

rk_status rk_probe_fit(rk_probe **out, const rk_probe_data *data, uint64_t seed,
                       const rk_progress *progress, rk_probe_report *report, rk_error *err) {
    *out = NULL;
    size_t largest = 0;
    RK_TRY(check_data(data, &largest, err));
    fitting *f = NULL;
    rk_probe *probe = NULL;
    RK_TRY(rk__alloc((void **)&f, 1, sizeof *f, err));
    f->data = data;
    f->progress = progress;
    rk_status status = prepare(f, seed, err);
    if (status == RK_OK) status = cross_validate(f, err);
    if (status == RK_OK) status = fit_all(&probe, f, largest, report, err);
    rk__ridge_fit_fini(&f->fit);
    rk__ridge_fini(&f->ridge);
    rk__free(f->fold);
    rk__free(f->features);
    rk__free(f->sums);
    rk__free(f);
    if (status != RK_OK) rk_probe_free(&probe);
    *out = probe;
    return status;
}
