// The one door to OpenBLAS.
#include "convert/blas.h"

#include <assert.h>
#include <cblas.h>
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
