// The one door to OpenBLAS.
//
// Debian's single-threaded build of it is not thread-safe: concurrent calls hand out the same
// packing buffer and give wrong products. So calls take turns, also between jobs of different
// threads.
#ifndef RK_CONVERT_BLAS_H
#define RK_CONVERT_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error_internal.h"

// The largest size of a matrix that a call takes.
enum { RK__BLAS_MAX_SIZE = 0x7fffffff };

// c[m][n] += scale * a[m][k] * b[k][n], row-major and contiguous, in float32: the product is summed
// over k first, then scaled and added. Sizes are at most RK__BLAS_MAX_SIZE. Thread-safe.
void rk__blas_add_product(float *c, const float *a, const float *b, size_t m, size_t n, size_t k,
                          float scale);

// c[m][n] = sum over k of a[m][k] b[k][n], in float32.
void rk__blas_multiply(float *c, const float *a, const float *b, size_t m, size_t n, size_t k);

// c[m][n] = sum over k of a[m][k] b[n][k], in float32.
void rk__blas_multiply_transposed(float *c, const float *a, const float *b, size_t m, size_t n,
                                  size_t k);

// Replaces the n rows of a[n][size] by orthogonal ones of length 1 that span what they span, or
// more (LAPACK's sgeqrf and sorgqr); n <= size.
rk_status rk__blas_orthonormalise(float *a, size_t n, size_t size, rk_error *err);

// The singular value decomposition (LAPACK's sgesdd) of a[n][size], n <= size: a[l] is the sum over
// k of turns[l][k] values[k] times a vector of length 1, and these vectors replace the rows of a.
// values[n], largest first.
rk_status rk__blas_decompose(float *a, float *values, float *turns, size_t n, size_t size,
                             rk_error *err);

// In float64. Matrices are row-major and contiguous; of symmetric ones only the lower triangle,
// c[i][j] with j <= i, is read or written.

// c[n][n] += sum over k of a[k][i] a[k][j].
void rk__blas_add_gram_of_columns(double *c, const double *a, size_t n, size_t k);

// c[n][n] += sum over k of a[i][k] a[j][k].
void rk__blas_add_gram_of_rows(double *c, const double *a, size_t n, size_t k);

// c[m][n] = sum over k of a[m][k] b[n][k].
void rk__blas_multiply_by_rows(double *c, const double *a, const double *b, size_t m, size_t n,
                               size_t k);

// Replaces a symmetric matrix by its Cholesky factor (LAPACK's dpotrf). False when it is not
// positive definite; it is then undefined.
bool rk__blas_cholesky(double *a, size_t n);

// Replaces each row of b[n_rows][n] by the solution x of A x = row, A being the matrix that
// `factor` is the Cholesky factor of.
void rk__blas_cholesky_solve(const double *factor, size_t n, double *b, size_t n_rows);

// Factorises a[n][n] in place, with the order of its rows in pivots[n] (LAPACK's dgetrf). False
// when it is singular.
bool rk__blas_factorise(double *a, size_t n, int *pivots);

// Replaces each row of b[n_rows][n] by the solution x of x A = row, A being the matrix that was
// factorised.
void rk__blas_solve(const double *factors, const int *pivots, size_t n, double *b, size_t n_rows);

#endif
