// Truncated singular value decomposition by subspace iteration.
#include "convert/low_rank.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "convert/blas.h"

enum { SPARE = 10, MOST_ROUNDS = 40 };
static const double enough = 1e-7; // of the squares of D, in one round

typedef struct decomposition {
    const float *d; // [rows][columns]
    size_t rows, columns;
    size_t n;              // directions
    float *left;           // [n][rows], owned
    float *right;          // [n][columns], owned
    float *values, *turns; // [n], [n][n], owned: singular values of right, its left vectors
} decomposition;

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static rk_status allocate(decomposition *s, rk_error *err) {
    RK_TRY(rk__alloc_aligned((void **)&s->left, s->n * s->rows, sizeof(float), err));
    RK_TRY(rk__alloc_aligned((void **)&s->right, s->n * s->columns, sizeof(float), err));
    RK_TRY(rk__alloc_aligned((void **)&s->values, s->n, sizeof(float), err));
    return rk__alloc_aligned((void **)&s->turns, s->n * s->n, sizeof(float), err);
}

static void release(decomposition *s) {
    rk__free(s->left);
    rk__free(s->right);
    rk__free(s->values);
    rk__free(s->turns);
}

// Directions in no relation to the matrix.
static void begin(const decomposition *s) {
    rk__random random = {.seed = 1};
    for (size_t i = 0; i < s->n * s->rows; i++) {
        s->left[i] = (float)(2.0 * rk__random_uniform(&random) - 1.0);
    }
}

static double sum_of_squares(const float *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)values[i] * (double)values[i];
    return sum;
}

// Turns `left` to the directions in which D is largest.
static rk_status iterate(const decomposition *s, rk_error *err) {
    double seen = 0;
    RK_TRY(rk__blas_orthonormalise(s->left, s->n, s->rows, err));
    for (size_t round = 0; round < MOST_ROUNDS; round++) {
        rk__blas_multiply(s->right, s->left, s->d, s->n, s->columns, s->rows);
        RK_TRY(rk__blas_orthonormalise(s->right, s->n, s->columns, err));
        rk__blas_multiply_transposed(s->left, s->right, s->d, s->n, s->rows, s->columns);
        const double now = sum_of_squares(s->left, s->n * s->rows);
        RK_TRY(rk__blas_orthonormalise(s->left, s->n, s->rows, err));
        if (now <= seen * (1.0 + enough)) break;
        seen = now;
    }
    rk__blas_multiply(s->right, s->left, s->d, s->n, s->columns, s->rows);
    return RK_OK;
}

// D = left^T right, and right = turns^T values vectors, whose vectors are now in `right`.
static void write_factors(const decomposition *s, float *b, float *a, size_t rank) {
    for (size_t k = 0; k < rank; k++) {
        const double root = sqrt((double)s->values[k]);
        for (size_t j = 0; j < s->columns; j++) {
            a[k * s->columns + j] = (float)(root * (double)s->right[k * s->columns + j]);
        }
    }
    for (size_t i = 0; i < s->rows; i++) {
        for (size_t k = 0; k < rank; k++) {
            double sum = 0;
            for (size_t l = 0; l < s->n; l++) {
                sum += (double)s->left[l * s->rows + i] * (double)s->turns[l * s->n + k];
            }
            b[i * rank + k] = (float)(sqrt((double)s->values[k]) * sum);
        }
    }
}

rk_status rk__low_rank(float *b, float *a, const float *d, size_t rows, size_t columns, size_t rank,
                       rk_error *err) {
    decomposition s = {.d = d, .rows = rows, .columns = columns};
    s.n = least(rank + rank / 2 + SPARE, least(rows, columns));
    rk_status status = allocate(&s, err);
    if (status != RK_OK) goto out;
    begin(&s);
    status = iterate(&s, err);
    if (status != RK_OK) goto out;
    status = rk__blas_decompose(s.right, s.values, s.turns, s.n, columns, err);
    if (status == RK_OK) write_factors(&s, b, a, rank);
out:
    release(&s);
    return status;
}
