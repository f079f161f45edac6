// Products of FP32, FP16 and BF16 matrices with few tokens (geometry: matvec.cuh). A lane reads 16
// bytes of a row at a time; sums are float32.
#include "cuda/matvec.cuh"

namespace {

struct f32_row {
    enum { VALUES = 4 };
    __device__ static void read(float *out, const void *values, size_t at) {
        const uint4 bits = __ldcs((const uint4 *)((const float *)values + at));
        out[0] = __uint_as_float(bits.x);
        out[1] = __uint_as_float(bits.y);
        out[2] = __uint_as_float(bits.z);
        out[3] = __uint_as_float(bits.w);
    }
    __device__ static float read_one(const void *values, size_t at) {
        return ((const float *)values)[at];
    }
};

// Two values of 16 bits in a word each.
template <float WIDEN(uint16_t)> struct short_row {
    enum { VALUES = 8 };
    __device__ static void read(float *out, const void *values, size_t at) {
        const uint4 bits = __ldcs((const uint4 *)((const uint16_t *)values + at));
        const unsigned words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            out[2 * i] = WIDEN((uint16_t)(words[i] & 0xffffu));
            out[2 * i + 1] = WIDEN((uint16_t)(words[i] >> 16));
        }
    }
    __device__ static float read_one(const void *values, size_t at) {
        return WIDEN(((const uint16_t *)values)[at]);
    }
};

// sum[r][t] += the lane's part of rows times tokens.
template <typename ROW, int TOKENS>
__device__ void accumulate(float (&sum)[MATVEC_ROWS][TOKENS], const rk__gpu_products &a,
                           const rk__gpu_product &p, unsigned row, unsigned token) {
    const unsigned columns = p.matrix.columns, lane = threadIdx.x % WARP;
    // Rows of x are aligned as vectors are where the columns are whole vectors.
    const unsigned whole = columns % ROW::VALUES == 0 ? columns : 0;
#pragma unroll 4
    for (unsigned c = lane * ROW::VALUES; c < whole; c += WARP * ROW::VALUES) {
        float weights[MATVEC_ROWS][ROW::VALUES];
#pragma unroll
        for (int r = 0; r < MATVEC_ROWS; r++) {
            ROW::read(weights[r], p.matrix.values, row_of(p, row, r) * p.matrix.stride + c);
        }
#pragma unroll
        for (int t = 0; t < TOKENS; t++) {
            const float *x = p.input.x + token_of(a, token, t) * columns + c;
#pragma unroll
            for (int i = 0; i < ROW::VALUES; i += 4) {
                const float4 four = *(const float4 *)(x + i);
#pragma unroll
                for (int r = 0; r < MATVEC_ROWS; r++) {
                    sum[r][t] = fmaf(weights[r][i], four.x, sum[r][t]);
                    sum[r][t] = fmaf(weights[r][i + 1], four.y, sum[r][t]);
                    sum[r][t] = fmaf(weights[r][i + 2], four.z, sum[r][t]);
                    sum[r][t] = fmaf(weights[r][i + 3], four.w, sum[r][t]);
                }
            }
        }
    }
    for (unsigned c = whole + lane; c < columns; c += WARP) {
        for (int r = 0; r < MATVEC_ROWS; r++) {
            const float weight =
                ROW::read_one(p.matrix.values, row_of(p, row, r) * p.matrix.stride + c);
            for (int t = 0; t < TOKENS; t++) {
                sum[r][t] = fmaf(weight, p.input.x[token_of(a, token, t) * columns + c], sum[r][t]);
            }
        }
    }
}

template <typename ROW, int TOKENS>
__global__ void __launch_bounds__(MATVEC_THREADS) matvec(const rk__gpu_products a) {
    const matvec_place place = find_place(a);
    const rk__gpu_product &p = a.product[place.product];
    if (place.row >= p.matrix.rows) return; // the whole warp
    for (unsigned token = 0; token < a.n_tokens; token += TOKENS) {
        float sum[MATVEC_ROWS][TOKENS] = {};
        accumulate<ROW, TOKENS>(sum, a, p, place.row, token);
        finish<TOKENS>(a, p, place.row, token, sum);
    }
}

template <typename ROW> unsigned run(rk__gpu_stream stream, const rk__gpu_products *products) {
    return launch_matvec(stream, products, matvec<ROW, 1>, matvec<ROW, MATVEC_TOKENS>);
}

} // namespace

unsigned rk__gpu_matvec_float_run(rk__gpu_stream stream, const rk__gpu_products *products) {
    switch (products->product[0].matrix.dtype) {
    case RK_DTYPE_F16:
        return run<short_row<float_of_half>>(stream, products);
    case RK_DTYPE_BF16:
        return run<short_row<float_of_bfloat>>(stream, products);
    case RK_DTYPE_F32:
        return run<f32_row>(stream, products);
    default:
        return cudaErrorInvalidValue;
    }
}
