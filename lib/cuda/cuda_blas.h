// Products with many tokens: cuBLASLt, found at run time. Where it is not there, products go
// through the kernels for few tokens: right, not fast.
#ifndef RK_CUDA_BLAS_H
#define RK_CUDA_BLAS_H

#include <stddef.h>
#include <stdint.h>

#include "cuda/cuda_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rk__gpu_blas rk__gpu_blas; // for one thread at a time

// NULL where there is no cuBLASLt. For the calling thread's device. Release: rk__gpu_blas_close,
// which accepts NULL and makes *blas NULL.
rk__gpu_blas *rk__gpu_blas_open(void);
void rk__gpu_blas_close(rk__gpu_blas **blas);

// Memory of the device that products may use.
enum { RK__GPU_BLAS_SCRATCH = 32 << 20 };

// out[t][r] (+)= sum over c of weights[r][c] * x[t][c], summed in float32. Weights and x are both
// FP16, or both FP32.
typedef struct rk__gpu_gemm {
    const void *weights; // [rows][columns]
    const void *x;       // [n_tokens][columns]
    float *out;          // [n_tokens][out_stride]
    void *scratch;       // RK__GPU_BLAS_SCRATCH bytes
    uint32_t rows, columns, n_tokens, out_stride;
    bool is_half, adds;
} rk__gpu_gemm;

// Starts the product; false when cuBLASLt has none for this shape, or fails.
bool rk__gpu_gemm_run(rk__gpu_blas *blas, rk__gpu_stream stream, const rk__gpu_gemm *gemm);

#ifdef __cplusplus
}
#endif

#endif
