// The one door to OpenBLAS.
//
// Debian's single-threaded build of it is not thread-safe: concurrent calls hand out the same
// packing buffer and give wrong products. So calls take turns, also between jobs of different
// threads.
#ifndef RK_CONVERT_BLAS_H
#define RK_CONVERT_BLAS_H

#include <stddef.h>

// The largest size of a matrix that a call takes.
enum { RK__BLAS_MAX_SIZE = 0x7fffffff };

// c[m][n] += scale * a[m][k] * b[k][n], row-major and contiguous, in float32: the product is summed
// over k first, then scaled and added. Sizes are at most RK__BLAS_MAX_SIZE. Thread-safe.
void rk__blas_add_product(float *c, const float *a, const float *b, size_t m, size_t n, size_t k,
                          float scale);

#endif
