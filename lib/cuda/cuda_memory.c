// Allocation and errors.
#include "cuda/cuda_memory.h"

#include <assert.h>
#include <cuda_runtime_api.h>

static double mib(size_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

rk_status rk__gpu_check(unsigned code, size_t device, const char *doing, rk_error *err) {
    if (code == cudaSuccess) return RK_OK;
    (void)cudaGetLastError(); // it is reported here and not again
    const char *text = cudaGetErrorString((cudaError_t)code);
    if (code != cudaErrorMemoryAllocation) {
        return rk__fail(err, RK_ERR_DEVICE, "cuda:%zu: %s: %s (CUDA error %u)", device, doing, text,
                        code);
    }
    size_t left = 0, total = 0;
    (void)cudaMemGetInfo(&left, &total);
    return rk__fail(err, RK_ERR_MEMORY, "cuda:%zu: %s: out of memory, %.1f MiB of %.1f are free",
                    device, doing, mib(left), mib(total));
}

rk_status rk__gpu_use(size_t device, rk_error *err) {
    return rk__gpu_check(cudaSetDevice((int)device), device, "choosing the device", err);
}

static rk_status refuse(const rk__gpu_pieces *pieces, unsigned code, size_t bytes, const char *what,
                        const char *where, rk_error *err) {
    rk_error cause = {0};
    const rk_status status = rk__gpu_check(code, pieces->device, what, &cause);
    if (status != RK_ERR_MEMORY) {
        if (err != NULL) *err = cause;
        return status;
    }
    return rk__fail(err, RK_ERR_MEMORY, "%.300s; %.1f MiB of %s memory were wanted", cause.message,
                    mib(bytes), where);
}

rk_status rk__gpu_take(rk__gpu_pieces *pieces, void **out, size_t bytes, const char *what,
                       rk_error *err) {
    *out = NULL;
    if (bytes == 0) return RK_OK;
    assert(pieces->n_on_device < RK__GPU_PIECES);
    const unsigned code = cudaMalloc(out, bytes);
    if (code != cudaSuccess) {
        *out = NULL;
        return refuse(pieces, code, bytes, what, "the device's", err);
    }
    pieces->on_device[pieces->n_on_device++] = *out;
    pieces->device_bytes += bytes;
    return RK_OK;
}

rk_status rk__gpu_take_pinned(rk__gpu_pieces *pieces, void **out, size_t bytes, const char *what,
                              rk_error *err) {
    *out = NULL;
    if (bytes == 0) return RK_OK;
    assert(pieces->n_on_host < RK__GPU_PIECES);
    const unsigned code = cudaMallocHost(out, bytes);
    if (code != cudaSuccess) {
        *out = NULL;
        return refuse(pieces, code, bytes, what, "pinned", err);
    }
    pieces->on_host[pieces->n_on_host++] = *out;
    return RK_OK;
}

void rk__gpu_release(rk__gpu_pieces *pieces) {
    for (size_t i = 0; i < pieces->n_on_device; i++) (void)cudaFree(pieces->on_device[i]);
    for (size_t i = 0; i < pieces->n_on_host; i++) (void)cudaFreeHost(pieces->on_host[i]);
    *pieces = (rk__gpu_pieces){.device = pieces->device};
}
