// The one door to OpenBLAS.
#include "convert/blas.h"

#include <assert.h>
#include <cblas.h>
#include <f77blas.h>
#include <pthread.h>

// Protects OpenBLAS's own buffers. Nothing else is locked while it is held.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void rk__blas_add_product(float *c, const float *a, const float *b, size_t m, size_t n, size_t k,
                          float scale) {
    assert(m <= RK__BLAS_MAX_SIZE && n <= RK__BLAS_MAX_SIZE && k <= RK__BLAS_MAX_SIZE);
    (void)pthread_mutex_lock(&turn);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k,
                scale, a, (blasint)k, b, (blasint)n, 1.0F, c, (blasint)n);
    (void)pthread_mutex_unlock(&turn);
}

void rk__blas_add_gram_of_columns(double *c, const double *a, size_t n, size_t k) {
    assert(n <= RK__BLAS_MAX_SIZE && k <= RK__BLAS_MAX_SIZE);
    (void)pthread_mutex_lock(&turn);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)n, (blasint)k, 1.0, a, (blasint)n,
                1.0, c, (blasint)n);
    (void)pthread_mutex_unlock(&turn);
}

void rk__blas_add_gram_of_rows(double *c, const double *a, size_t n, size_t k) {
    assert(n <= RK__BLAS_MAX_SIZE && k <= RK__BLAS_MAX_SIZE);
    (void)pthread_mutex_lock(&turn);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)n, (blasint)k, 1.0, a, (blasint)k,
                1.0, c, (blasint)n);
    (void)pthread_mutex_unlock(&turn);
}

void rk__blas_multiply_by_rows(double *c, const double *a, const double *b, size_t m, size_t n,
                               size_t k) {
    assert(m <= RK__BLAS_MAX_SIZE && n <= RK__BLAS_MAX_SIZE && k <= RK__BLAS_MAX_SIZE);
    (void)pthread_mutex_lock(&turn);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, 1.0, a,
                (blasint)k, b, (blasint)k, 0.0, c, (blasint)n);
    (void)pthread_mutex_unlock(&turn);
}

// LAPACK counts by columns: our lower triangle is its upper one, our rows are its columns.
static char upper[] = "U";

bool rk__blas_cholesky(double *a, size_t n) {
    assert(n <= RK__BLAS_MAX_SIZE);
    blasint size = (blasint)n, info = 0;
    (void)pthread_mutex_lock(&turn);
    BLASFUNC(dpotrf)(upper, &size, a, &size, &info);
    (void)pthread_mutex_unlock(&turn);
    return info == 0;
}

void rk__blas_cholesky_solve(const double *factor, size_t n, double *b, size_t n_rows) {
    assert(n <= RK__BLAS_MAX_SIZE && n_rows <= RK__BLAS_MAX_SIZE);
    blasint size = (blasint)n, right = (blasint)n_rows, info = 0;
    (void)pthread_mutex_lock(&turn);
    // Declared without const; it only reads the factor.
    BLASFUNC(dpotrs)(upper, &size, &right, (double *)factor, &size, b, &size, &info);
    (void)pthread_mutex_unlock(&turn);
    assert(info == 0); // it complains of sizes alone
    (void)info;
}
