// Values of matrices of any type, one at a time: for rows of the embedding, and for widening
// matrices to FP16. Products read matrices in ways of their own.
#ifndef RK_CUDA_MATRIX_VALUES_CUH
#define RK_CUDA_MATRIX_VALUES_CUH

#include "cuda/device.cuh"

namespace {

// The code of value i of block `block`.
__device__ inline int code_of(const rk__gpu_matrix &m, size_t block, unsigned i) {
    if (m.dtype == RK_DTYPE_Q8_0) return ((const int8_t *)m.values)[block * BLOCK_VALUES + i];
    const uint8_t byte = ((const uint8_t *)m.values)[block * (BLOCK_VALUES / 2) + i % 16];
    int code = i < 16 ? byte & 15 : byte >> 4;
    if (m.fifths != nullptr) code += (int)(m.fifths[block] >> i & 1u) << 4;
    return code;
}

__device__ inline float block_value(const rk__gpu_matrix &m, size_t block, unsigned i) {
    const float code = (float)code_of(m, block, i);
    switch (m.dtype) {
    case RK_DTYPE_Q4_1:
    case RK_DTYPE_Q5_1:
        return code * float_of_half(m.steps[2 * block]) + float_of_half(m.steps[2 * block + 1]);
    case RK_DTYPE_Q4_0:
        return (code - 8.0f) * float_of_half(m.steps[block]);
    case RK_DTYPE_Q5_0:
        return (code - 16.0f) * float_of_half(m.steps[block]);
    default:
        return code * float_of_half(m.steps[block]);
    }
}

__device__ inline float matrix_value(const rk__gpu_matrix &m, size_t row, unsigned column) {
    const size_t at = row * m.stride + column;
    switch (m.dtype) {
    case RK_DTYPE_F32:
        return ((const float *)m.values)[at];
    case RK_DTYPE_F16:
        return float_of_half(((const uint16_t *)m.values)[at]);
    case RK_DTYPE_BF16:
        return float_of_bfloat(((const uint16_t *)m.values)[at]);
    default:
        return block_value(m, row * (m.columns / BLOCK_VALUES) + column / BLOCK_VALUES,
                           column % BLOCK_VALUES);
    }
}

} // namespace

#endif
