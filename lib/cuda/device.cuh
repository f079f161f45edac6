// What the kernels share: sums over warps and blocks, elementary functions, FP16, rounding to 8
// bits, starting a kernel. Compiled by nvcc, or as plain C++ with the emulated device of
// tests/cuda_emulation, which is how the kernels are tested where there is no GPU.
#ifndef RK_CUDA_DEVICE_CUH
#define RK_CUDA_DEVICE_CUH

#ifdef __CUDACC__
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#else
#include "emulated_device.h"
#endif

#include "cuda/cuda_kernels.h"

#define RK__ALL_LANES 0xffffffffu
#define RK__LAYER_NORM_EPSILON 1e-5f

namespace {

enum { WARP = 32, BLOCK_VALUES = 32 };

// Every kernel takes one struct.
template <typename T>
inline unsigned launch(rk__gpu_stream stream, dim3 grid, unsigned n_threads, void (*kernel)(T),
                  const T &arguments) {
#ifdef __CUDACC__
    kernel<<<grid, n_threads, 0, stream>>>(arguments);
    return (unsigned)cudaGetLastError();
#else
    return emulated_launch(stream, grid, n_threads, [=] { kernel(arguments); });
#endif
}

// ---- numbers

__device__ inline float float_of_half(uint16_t bits) {
#ifdef __CUDACC__
    return __half2float(__ushort_as_half(bits));
#else
    return emulated_float_of_half(bits);
#endif
}

// To nearest even; what is too large for FP16 becomes its largest value, so that a product stays a
// number. NaN stays.
__device__ inline uint16_t half_of_float(float x) {
    const float most = 65504.0f;
    x = x > most ? most : x < -most ? -most : x;
#ifdef __CUDACC__
    return __half_as_ushort(__float2half_rn(x));
#else
    return emulated_half_of_float(x);
#endif
}

__device__ inline float float_of_bfloat(uint16_t bits) {
    return __uint_as_float((unsigned)bits << 16);
}

// 1 / (1 + e^-x) with an exponent that is never positive.
__device__ inline float sigmoid(float x) {
    const float e = expf(-fabsf(x));
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

__device__ inline float squared_relu(float x) {
    return x <= 0.0f ? 0.0f : x * x; // NaN stays
}

// ---- sums, in an order that depends on the number of threads alone

__device__ inline float warp_sum(float x) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        x += __shfl_xor_sync(RK__ALL_LANES, x, distance);
    }
    return x;
}

// The sum over a block of whole warps, the same for all threads. scratch: a float for each warp.
__device__ inline float block_sum(float x, float *scratch) {
    x = warp_sum(x);
    __syncthreads(); // scratch may still be read
    if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = x;
    __syncthreads();
    float sum = 0.0f;
    for (unsigned i = 0; i < blockDim.x / WARP; i++) sum += scratch[i];
    return sum;
}

// ---- layer norm

struct norm {
    float mean, scale;
};

// Of n values that the threads of the block read together.
__device__ inline norm norm_of(const float *x, unsigned n, float epsilon, float *scratch) {
    float sum = 0.0f;
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
    const float mean = block_sum(sum, scratch) / (float)n;
    float squares = 0.0f;
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) {
        const float deviation = x[i] - mean;
        squares = fmaf(deviation, deviation, squares);
    }
    const float variance = block_sum(squares, scratch) / (float)n;
    return norm{mean, 1.0f / sqrtf(variance + epsilon)};
}

__device__ inline float normalised(norm n, float x, float weight, float bias) {
    return (x - n.mean) * n.scale * weight + bias;
}

// ---- inputs of products

// Rounds the 32 values of a warp, value `lane` x, to 8 bits (kernels/product.h), the same bits as
// on the CPU. All lanes call it; block: index of the 32 values in the input.
__device__ inline void round_block(const rk__gpu_input &out, size_t block, float x) {
    const unsigned lane = threadIdx.x % WARP;
    float top = isfinite(x) ? fabsf(x) : NAN;
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const float other = __shfl_xor_sync(RK__ALL_LANES, top, distance);
        top = other > top || isnan(other) ? other : top;
    }
    const bool counts = top >= 0x1p-120f; // false for NaN
    const int code = counts ? (int)rintf(x * (127.0f / top)) : 0;
    int sum = code;
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(RK__ALL_LANES, sum, distance);
    }
    out.q[block * BLOCK_VALUES + lane] = (int8_t)code;
    if (lane != 0) return;
    out.scale[block] = counts ? top / 127.0f : isnan(top) ? NAN : 0.0f;
    out.qsum[block] = sum;
}

// Stores value `i` of an input in every form that somebody reads. Where 8 bits are wanted, whole
// warps store 32 values that belong together.
__device__ inline void store_input(const rk__gpu_input &out, size_t i, float x) {
    if (out.x != nullptr) out.x[i] = x;
    if (out.half != nullptr) out.half[i] = half_of_float(x);
    if (out.q != nullptr) round_block(out, i / BLOCK_VALUES, x);
}

// ---- what becomes of a product

__device__ inline void end_value(float *out, float value, const float *gate,
                                 rk__gpu_ending ending) {
    switch (ending) {
    case RK__END_STORE:
        *out = value;
        break;
    case RK__END_ADD:
        *out += value;
        break;
    case RK__END_GATED_ADD:
        *out += value * sigmoid(*gate);
        break;
    case RK__END_SQUARED_RELU:
        *out = squared_relu(value);
        break;
    case RK__END_TANH:
        *out = tanhf(value);
        break;
    case RK__END_SIGMOID:
        *out = sigmoid(value);
        break;
    }
}

} // namespace

#endif
