// Products of matrices in block formats with few tokens (geometry: matvec.cuh). A lane takes a
// block of 32 columns at a time: 16 or 32 bytes of codes, whose products with the tokens' 8-bit
// values are summed exactly in 8 instructions for four values each. What is computed for a block is
// what the CPU computes (kernels/product.h); the order of the blocks is another one.
#include "cuda/matvec.cuh"

namespace {

// The 32 codes of a block as bytes, in the order of the columns.
struct codes {
    int words[8];
};

// Bits 4 word .. 4 word + 3 of `fifths` as bit 4 of the four bytes: each is multiplied to its byte.
__device__ inline int spread_fifths(uint32_t fifths, int word) {
    const uint32_t four = fifths >> 4 * word & 15u;
    return (int)((four * 0x00204081u & 0x01010101u) << 4);
}

template <bool HAS_FIFTHS>
__device__ inline codes read_nibbles(const rk__gpu_matrix &m, size_t block) {
    codes out;
    const uint4 bytes = __ldcs((const uint4 *)m.values + block);
    const unsigned words[4] = {bytes.x, bytes.y, bytes.z, bytes.w};
    const uint32_t fifths = HAS_FIFTHS ? m.fifths[block] : 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        out.words[i] = (int)(words[i] & 0x0f0f0f0fu);
        out.words[4 + i] = (int)(words[i] >> 4 & 0x0f0f0f0fu);
        if (HAS_FIFTHS) {
            out.words[i] |= spread_fifths(fifths, i);
            out.words[4 + i] |= spread_fifths(fifths, 4 + i);
        }
    }
    return out;
}

__device__ inline codes read_bytes(const void *values, size_t block) {
    const uint4 *at = (const uint4 *)values + 2 * block;
    const uint4 a = __ldcs(at), b = __ldcs(at + 1);
    return codes{{(int)a.x, (int)a.y, (int)a.z, (int)a.w, (int)b.x, (int)b.y, (int)b.z, (int)b.w}};
}

// value = (code - ZERO) d + m; without m, or with ZERO = 0.
template <rk_dtype DTYPE> struct format {
    enum {
        HAS_FIFTHS = DTYPE == RK_DTYPE_Q5_0 || DTYPE == RK_DTYPE_Q5_1,
        HAS_M = DTYPE == RK_DTYPE_Q4_1 || DTYPE == RK_DTYPE_Q5_1,
        ZERO = DTYPE == RK_DTYPE_Q4_0 ? 8 : DTYPE == RK_DTYPE_Q5_0 ? 16 : 0,
    };
    __device__ static codes read(const rk__gpu_matrix &m, size_t block) {
        if (DTYPE == RK_DTYPE_Q8_0) return read_bytes(m.values, block);
        return read_nibbles<HAS_FIFTHS != 0>(m, block);
    }
};

__device__ inline int dot(const codes &a, const codes &b) {
    int sum = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) sum = __dp4a(a.words[i], b.words[i], sum);
    return sum;
}

// One block of MATVEC_ROWS rows, times the same block of the tokens.
template <typename FORMAT, int TOKENS>
__device__ void add_block(float (&sum)[MATVEC_ROWS][TOKENS], const rk__gpu_products &a,
                          const rk__gpu_product &p, unsigned row, unsigned token, unsigned block) {
    const size_t n_blocks = p.matrix.columns / BLOCK_VALUES;
    codes weights[MATVEC_ROWS];
    float d[MATVEC_ROWS], m[MATVEC_ROWS];
#pragma unroll
    for (int r = 0; r < MATVEC_ROWS; r++) {
        const size_t at = row_of(p, row, r) * n_blocks + block;
        weights[r] = FORMAT::read(p.matrix, at);
        d[r] = float_of_half(p.matrix.steps[FORMAT::HAS_M ? 2 * at : at]);
        m[r] = FORMAT::HAS_M ? float_of_half(p.matrix.steps[2 * at + 1]) : 0.0f;
    }
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
        const size_t at = token_of(a, token, t) * n_blocks + block;
        const codes q = read_bytes(p.input.q, at);
        const float scale = p.input.scale[at];
        const int qsum = p.input.qsum[at];
#pragma unroll
        for (int r = 0; r < MATVEC_ROWS; r++) {
            const int exact = dot(weights[r], q) - FORMAT::ZERO * qsum;
            sum[r][t] = fmaf(d[r] * scale, (float)exact, sum[r][t]);
            if (FORMAT::HAS_M) sum[r][t] = fmaf(m[r], scale * (float)qsum, sum[r][t]);
        }
    }
}

template <rk_dtype DTYPE, int TOKENS>
__global__ void __launch_bounds__(MATVEC_THREADS) matvec(const rk__gpu_products a) {
    const matvec_place place = find_place(a);
    const rk__gpu_product &p = a.product[place.product];
    if (place.row >= p.matrix.rows) return; // the whole warp
    const unsigned n_blocks = p.matrix.columns / BLOCK_VALUES;
    for (unsigned token = 0; token < a.n_tokens; token += TOKENS) {
        float sum[MATVEC_ROWS][TOKENS] = {};
#pragma unroll 4
        for (unsigned b = threadIdx.x % WARP; b < n_blocks; b += WARP) {
            add_block<format<DTYPE>, TOKENS>(sum, a, p, place.row, token, b);
        }
        finish<TOKENS>(a, p, place.row, token, sum);
    }
}

template <rk_dtype DTYPE> unsigned run(rk__gpu_stream stream, const rk__gpu_products *products) {
    return launch_matvec(stream, products, matvec<DTYPE, 1>, matvec<DTYPE, MATVEC_TOKENS>);
}

} // namespace

unsigned rk__gpu_matvec_block_run(rk__gpu_stream stream, const rk__gpu_products *products) {
    switch (products->product[0].matrix.dtype) {
    case RK_DTYPE_Q4_0:
        return run<RK_DTYPE_Q4_0>(stream, products);
    case RK_DTYPE_Q4_1:
        return run<RK_DTYPE_Q4_1>(stream, products);
    case RK_DTYPE_Q5_0:
        return run<RK_DTYPE_Q5_0>(stream, products);
    case RK_DTYPE_Q5_1:
        return run<RK_DTYPE_Q5_1>(stream, products);
    case RK_DTYPE_Q8_0:
        return run<RK_DTYPE_Q8_0>(stream, products);
    default:
        return cudaErrorInvalidValue;
    }
}
