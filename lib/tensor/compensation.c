// The factors that make up for rounding errors.
#include "tensor/compensation.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"

rk_status rk__compensation_init(rk__compensation *out, size_t columns, size_t group,
                                rk_error *err) {
    size_t n;
    *out = (rk__compensation){.columns = columns, .group = group};
    if (!rk_size_mul(&n, columns, group)) return rk__fail_memory(err, SIZE_MAX);
    return rk__alloc_aligned((void **)&out->factors, n, sizeof out->factors[0], err);
}

void rk__compensation_fini(rk__compensation *compensation) {
    rk__free(compensation->factors);
    *compensation = (rk__compensation){0};
}

size_t rk__compensation_groups(const rk__compensation *c) {
    return (c->columns + c->group - 1) / c->group;
}

// H of a group of n channels, row by row; its lower triangle suffices.
static void fill(double *h, size_t n, const float *mean_squares, const float *moments) {
    double average = 0.0;
    for (size_t i = 0; i < n; i++) average += (double)mean_squares[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            h[i * n + j] = (1.0 - RK__DAMPING) * (double)moments[rk__triangle(i) + j];
        }
        h[i * n + i] = (double)mean_squares[i] + RK__DAMPING * average;
    }
}

// From the last row upwards: h (symmetric, lower triangle given) becomes the lower triangular l
// with h = l^T l. False when h is not positive.
static bool factor(double *h, size_t n) {
    for (size_t k = n; k-- > 0;) {
        double *row = h + k * n;
        if (!(row[k] > 0.0) || !(row[k] < INFINITY)) return false;
        const double root = sqrt(row[k]);
        for (size_t j = 0; j < k; j++) row[j] /= root;
        row[k] = root;
        for (size_t i = 0; i < k; i++) {
            for (size_t j = 0; j <= i; j++) h[i * n + j] -= row[i] * row[j];
        }
    }
    return true;
}

// The inverse of a lower triangular matrix, which is one too: out l = 1, row by row.
static void invert(double *out, const double *l, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double *row = out + i * n;
        memset(row, 0, n * sizeof row[0]);
        row[i] = 1.0;
        for (size_t k = 0; k < i; k++) {
            const double share = l[i * n + k];
            for (size_t j = 0; j <= k; j++) row[j] -= share * out[k * n + j];
        }
        for (size_t j = 0; j <= i; j++) row[j] /= l[i * n + i];
    }
}

// With h^-1 = u^T u, u upper triangular, an error of 1 in column i is made up for by
// -u[i][j] / u[i][i] in the columns j behind it; u is the transpose of the inverse of l.
void rk__compensation_solve(rk__compensation *c, size_t index, const float *mean_squares,
                            const float *moments, double *work) {
    const size_t first = index * c->group;
    const size_t left = c->columns - first;
    const size_t n = left < c->group ? left : c->group;
    float *factors = c->factors + first * c->group;
    double *h = work, *inverse = work + n * n;
    memset(factors, 0, n * c->group * sizeof factors[0]);
    fill(h, n, mean_squares + first, moments + index * rk__triangle(c->group));
    if (!factor(h, n)) return;
    invert(inverse, h, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            factors[i * c->group + j] = (float)(inverse[j * n + i] / inverse[i * n + i]);
        }
    }
}
