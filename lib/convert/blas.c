// The one door to OpenBLAS.
#include "convert/blas.h"

#include <assert.h>
#include <cblas.h>
#include <f77blas.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"

// OpenBLAS brings all of LAPACK and declares a part of it. A text's length follows its arguments,
// as Fortran's compilers pass it.
void BLASFUNC(sgeqrf)(const blasint *m, const blasint *n, float *a, const blasint *lda, float *tau,
                      float *work, const blasint *lwork, blasint *info);
void BLASFUNC(sorgqr)(const blasint *m, const blasint *n, const blasint *k, float *a,
                      const blasint *lda, const float *tau, float *work, const blasint *lwork,
                      blasint *info);
void BLASFUNC(sgesdd)(const char *job, const blasint *m, const blasint *n, float *a,
                      const blasint *lda, float *s, float *u, const blasint *ldu, float *vt,
                      const blasint *ldvt, float *work, const blasint *lwork, blasint *iwork,
                      blasint *info, size_t job_length);

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

// Our rows are LAPACK's columns: what it factorises is the transpose, and x A = row is the system
// of that matrix.
_Static_assert(sizeof(blasint) == sizeof(int), "pivots are LAPACK's own");

bool rk__blas_factorise(double *a, size_t n, int *pivots) {
    assert(n <= RK__BLAS_MAX_SIZE);
    blasint size = (blasint)n, info = 0;
    (void)pthread_mutex_lock(&turn);
    BLASFUNC(dgetrf)(&size, &size, a, &size, pivots, &info);
    (void)pthread_mutex_unlock(&turn);
    return info == 0;
}

void rk__blas_solve(const double *factors, const int *pivots, size_t n, double *b, size_t n_rows) {
    assert(n <= RK__BLAS_MAX_SIZE && n_rows <= RK__BLAS_MAX_SIZE);
    static char as_it_is[] = "N";
    blasint size = (blasint)n, right = (blasint)n_rows, info = 0;
    (void)pthread_mutex_lock(&turn);
    // Declared without const; it only reads the factors.
    BLASFUNC(dgetrs)
    (as_it_is, &size, &right, (double *)factors, &size, (int *)pivots, b, &size, &info);
    (void)pthread_mutex_unlock(&turn);
    assert(info == 0); // it complains of sizes alone
    (void)info;
}

void rk__blas_multiply(float *c, const float *a, const float *b, size_t m, size_t n, size_t k) {
    assert(m <= RK__BLAS_MAX_SIZE && n <= RK__BLAS_MAX_SIZE && k <= RK__BLAS_MAX_SIZE);
    (void)pthread_mutex_lock(&turn);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0F,
                a, (blasint)k, b, (blasint)n, 0.0F, c, (blasint)n);
    (void)pthread_mutex_unlock(&turn);
}

void rk__blas_multiply_transposed(float *c, const float *a, const float *b, size_t m, size_t n,
                                  size_t k) {
    assert(m <= RK__BLAS_MAX_SIZE && n <= RK__BLAS_MAX_SIZE && k <= RK__BLAS_MAX_SIZE);
    (void)pthread_mutex_lock(&turn);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, 1.0F,
                a, (blasint)k, b, (blasint)k, 0.0F, c, (blasint)n);
    (void)pthread_mutex_unlock(&turn);
}

// Columns that LAPACK works on at once; a buffer of this many for each column is as good as more.
enum { WORK_COLUMNS = 64 };

rk_status rk__blas_orthonormalise(float *a, size_t n, size_t size, rk_error *err) {
    assert(n > 0 && n <= size && size <= RK__BLAS_MAX_SIZE &&
           n <= RK__BLAS_MAX_SIZE / WORK_COLUMNS);
    float *work;
    RK_TRY(rk__alloc((void **)&work, (WORK_COLUMNS + 1) * n, sizeof work[0], err));
    float *tau = work + WORK_COLUMNS * n;
    blasint rows = (blasint)size, columns = (blasint)n, info = 0;
    blasint n_work = (blasint)(WORK_COLUMNS * n);
    (void)pthread_mutex_lock(&turn);
    BLASFUNC(sgeqrf)(&rows, &columns, a, &rows, tau, work, &n_work, &info);
    assert(info == 0); // it complains of sizes alone
    BLASFUNC(sorgqr)(&rows, &columns, &columns, a, &rows, tau, work, &n_work, &info);
    assert(info == 0);
    (void)pthread_mutex_unlock(&turn);
    rk__free(work);
    return RK_OK;
}

// Where LAPACK works, and what it gives.
typedef struct decomposition_memory {
    float *work, *vectors;
    blasint *integers, n_work;
} decomposition_memory;

static rk_status new_memory(decomposition_memory *m, size_t n, size_t size, rk_error *err) {
    *m = (decomposition_memory){.n_work = (blasint)(n * (4 * n + 7) + WORK_COLUMNS * (size + n))};
    RK_TRY(rk__alloc((void **)&m->work, (size_t)m->n_work, sizeof m->work[0], err));
    RK_TRY(rk__alloc((void **)&m->vectors, n * size, sizeof m->vectors[0], err));
    return rk__alloc((void **)&m->integers, 8 * n, sizeof m->integers[0], err);
}

rk_status rk__blas_decompose(float *a, float *values, float *turns, size_t n, size_t size,
                             rk_error *err) {
    assert(n > 0 && n <= size && n <= 1 << 14 && size <= RK__BLAS_MAX_SIZE / 256);
    decomposition_memory m;
    blasint rows = (blasint)size, columns = (blasint)n, info = 0;
    rk_status status = new_memory(&m, n, size, err);
    if (status != RK_OK) goto out;
    (void)pthread_mutex_lock(&turn);
    BLASFUNC(sgesdd)
    ("S", &rows, &columns, a, &rows, values, m.vectors, &rows, turns, &columns, m.work, &m.n_work,
     m.integers, &info, 1);
    (void)pthread_mutex_unlock(&turn);
    assert(info >= 0);
    if (info > 0) {
        status = rk__fail(err, RK_ERR_RANGE, "a singular value decomposition did not converge");
    } else {
        memcpy(a, m.vectors, n * size * sizeof a[0]);
    }
out:
    rk__free(m.work);
    rk__free(m.vectors);
    rk__free(m.integers);
    return status;
}
