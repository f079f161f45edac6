// What lib/cuda/device.cuh includes where nvcc does not compile it: the words of CUDA C++ that the
// kernels use, on the emulated GPU (emulator.h).
#ifndef TEST_EMULATED_DEVICE_H
#define TEST_EMULATED_DEVICE_H

#include <functional>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cuda_runtime_api.h"

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(n)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

// Of the thread that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();

// Gives and takes 32 bits among the lanes of a warp.
uint32_t emulated_shuffle(uint32_t mask, uint32_t bits, unsigned from);

template <typename T> inline T __shfl_xor_sync(uint32_t mask, T value, int distance) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = emulated_shuffle(mask, bits, (threadIdx.x % 32) ^ (unsigned)distance);
    memcpy(&value, &bits, sizeof bits);
    return value;
}

template <typename T> inline T __ldcs(const T *from) {
    return *from;
}

inline float __uint_as_float(unsigned bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The signed products of four bytes, added to sum.
inline int __dp4a(int a, int b, int sum) {
    for (int i = 0; i < 32; i += 8) sum += (int)(int8_t)(a >> i) * (int)(int8_t)(b >> i);
    return sum;
}

extern "C" float emulated_float_of_half(uint16_t bits);
extern "C" uint16_t emulated_half_of_float(float value);

// Runs `thread` for every thread of the grid, when the stream gets there.
unsigned emulated_launch(cudaStream_t stream, dim3 grid, unsigned n_threads,
                         std::function<void()> thread);

#endif
