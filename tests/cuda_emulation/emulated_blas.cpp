// In the place of cuda_blas.c: products with many tokens, summed in float32 as cuBLASLt does, in
// plain loops. Its reads and writes are those of a kernel.
#include "cuda/cuda_blas.h"

#include <stdlib.h>

#include "emulated_device.h"
#include "emulator.h"

struct rk__gpu_blas {
    int nothing;
};

static bool is_there = true;

void emulated_blas(bool there) {
    is_there = there;
}

rk__gpu_blas *rk__gpu_blas_open(void) {
    return is_there ? (rk__gpu_blas *)calloc(1, sizeof(rk__gpu_blas)) : nullptr;
}

void rk__gpu_blas_close(rk__gpu_blas **blas) {
    free(*blas);
    *blas = nullptr;
}

static float value_of(const void *values, size_t i, bool is_half) {
    return is_half ? emulated_float_of_half(((const uint16_t *)values)[i])
                   : ((const float *)values)[i];
}

static void multiply(const rk__gpu_gemm &g) {
    const size_t r = blockIdx.x;
    for (size_t t = 0; t < g.n_tokens; t++) {
        float sum = 0.0f;
        for (size_t c = 0; c < g.columns; c++) {
            sum += value_of(g.weights, r * g.columns + c, g.is_half) *
                   value_of(g.x, t * g.columns + c, g.is_half);
        }
        float *out = g.out + t * g.out_stride + r;
        *out = g.adds ? *out + sum : sum;
    }
}

bool rk__gpu_gemm_run(rk__gpu_blas *, rk__gpu_stream stream, const rk__gpu_gemm *gemm) {
    const rk__gpu_gemm g = *gemm;
    return emulated_launch(stream, dim3(g.rows), 1, [=] { multiply(g); }) == 0;
}
