// Finds the GPUs. Without a driver the runtime says so, and nothing else happens.
#include "cuda/cuda_devices.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

#include "cuda/cuda_memory.h"

static void explain(char why[RK__CUDA_WHY], unsigned code) {
    int driver = 0, wanted = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&wanted);
    if (driver == 0) {
        (void)snprintf(why, RK__CUDA_WHY, "there is no NVIDIA driver (libcuda.so)");
    } else if (code == cudaErrorInsufficientDriver) {
        (void)snprintf(why, RK__CUDA_WHY,
                       "the NVIDIA driver is for CUDA %d.%d, this build wants %d.%d", driver / 1000,
                       driver % 1000 / 10, wanted / 1000, wanted % 1000 / 10);
    } else if (code == cudaSuccess || code == cudaErrorNoDevice) {
        (void)snprintf(why, RK__CUDA_WHY, "there is a driver, but no GPU");
    } else {
        (void)snprintf(why, RK__CUDA_WHY, "%.150s (CUDA error %u)",
                       cudaGetErrorString((cudaError_t)code), code);
    }
}

size_t rk__cuda_device_count(char why[RK__CUDA_WHY]) {
    int n = 0;
    const unsigned code = cudaGetDeviceCount(&n);
    if (code == cudaSuccess && n > 0) return (size_t)n;
    (void)cudaGetLastError();
    if (why != NULL) explain(why, code);
    return 0;
}

static rk_status attribute(int *out, enum cudaDeviceAttr which, size_t index, rk_error *err) {
    const unsigned code = cudaDeviceGetAttribute(out, which, (int)index);
    return rk__gpu_check(code, index, "asking what the device is", err);
}

rk_status rk__cuda_device_describe(rk__cuda_device_info *out, size_t index, rk_error *err) {
    *out = (rk__cuda_device_info){0};
    const size_t n = rk__cuda_device_count(NULL);
    if (index >= n) {
        return rk__fail(err, RK_ERR_DEVICE, "there is no cuda:%zu: this machine has %zu GPU%s",
                        index, n, n == 1 ? "" : "s");
    }
    RK_TRY(attribute(&out->major, cudaDevAttrComputeCapabilityMajor, index, err));
    RK_TRY(attribute(&out->minor, cudaDevAttrComputeCapabilityMinor, index, err));
    struct cudaDeviceProp properties;
    unsigned code = cudaGetDeviceProperties(&properties, (int)index);
    RK_TRY(rk__gpu_check(code, index, "asking what the device is", err));
    (void)snprintf(out->name, sizeof out->name, "%.63s", properties.name);
    RK_TRY(rk__gpu_use(index, err));
    size_t left = 0, total = 0;
    code = cudaMemGetInfo(&left, &total);
    RK_TRY(rk__gpu_check(code, index, "asking for its memory", err));
    out->free_bytes = left;
    out->total_bytes = total;
    return RK_OK;
}
