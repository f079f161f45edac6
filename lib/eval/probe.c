// Linear probes: their life, and what they say of a row.
#include "eval/probe_internal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

size_t rk__probe_targets(size_t n_classes) {
    return n_classes == 2 ? 1 : n_classes;
}

rk_status rk__probe_new(rk_probe **out, size_t n_columns, const char *const *classes,
                        size_t n_classes, rk_error *err) {
    rk_probe *p = NULL;
    rk_status status = rk__alloc((void **)&p, 1, sizeof *p, err);
    if (status != RK_OK) goto out;
    p->n_columns = n_columns;
    p->n_classes = n_classes;
    p->n_targets = rk__probe_targets(n_classes);
    size_t n_weights;
    if (!rk_size_mul(&n_weights, n_columns, p->n_targets)) n_weights = SIZE_MAX;
    status = rk__alloc((void **)&p->weights, n_weights, sizeof *p->weights, err);
    if (status == RK_OK) {
        status = rk__alloc((void **)&p->bias, p->n_targets, sizeof *p->bias, err);
    }
    if (status == RK_OK) {
        status = rk__alloc((void **)&p->classes, n_classes, sizeof *p->classes, err);
    }
    for (size_t i = 0; status == RK_OK && i < n_classes; i++) {
        status = rk__copy_string(&p->classes[i], classes[i], strlen(classes[i]), err);
    }
out:
    if (status != RK_OK) rk_probe_free(&p);
    *out = p;
    return status;
}

void rk_probe_free(rk_probe **probe) {
    rk_probe *p = *probe;
    *probe = NULL;
    if (p == NULL) return;
    for (size_t i = 0; p->classes != NULL && i < p->n_classes; i++) rk__free(p->classes[i]);
    rk__free(p->classes);
    rk__free(p->weights);
    rk__free(p->bias);
    rk__free(p);
}

size_t rk_probe_columns(const rk_probe *probe) {
    return probe->n_columns;
}

size_t rk_probe_classes(const rk_probe *probe) {
    return probe->n_classes;
}

const char *rk_probe_class(const rk_probe *probe, size_t index) {
    return probe->classes[index];
}

const rk_probe_report *rk_probe_quality(const rk_probe *probe) {
    return &probe->quality;
}

size_t rk__probe_decide(const double *sums, size_t n_classes, double *score) {
    if (n_classes == 2) {
        *score = 2 * fabs(sums[0]); // the second class has sums[0], the first one its negative
        return sums[0] > 0;
    }
    size_t best = 0;
    for (size_t i = 1; i < n_classes; i++) best = sums[i] > sums[best] ? i : best;
    double second = -INFINITY;
    for (size_t i = 0; i < n_classes; i++) {
        if (i != best && sums[i] > second) second = sums[i];
    }
    *score = sums[best] - second;
    return best;
}

static double sum_of(const rk_probe *p, size_t target, const float *row) {
    const float *const weights = p->weights + target * p->n_columns;
    double sum = p->bias[target];
    for (size_t i = 0; i < p->n_columns; i++) sum += (double)weights[i] * (double)row[i];
    return sum;
}

size_t rk_probe_predict(const rk_probe *probe, const float *row, double *score) {
    double unwanted;
    if (score == NULL) score = &unwanted;
    if (probe->n_classes == 2) {
        const double sum = sum_of(probe, 0, row);
        return rk__probe_decide(&sum, 2, score);
    }
    size_t best = 0;
    double first = -INFINITY, second = -INFINITY;
    for (size_t i = 0; i < probe->n_targets; i++) {
        const double sum = sum_of(probe, i, row);
        if (sum > first) {
            second = first;
            first = sum;
            best = i;
        } else if (sum > second) {
            second = sum;
        }
    }
    *score = first - second;
    return best;
}
