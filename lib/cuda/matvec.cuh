// What products with few tokens share: which product and rows a warp works at, and their end.
//
// Grid: for each product of the group as many blocks as its rows fill; block: 128 threads. A warp
// has MATVEC_ROWS rows, whose columns its lanes go through side by side; no warp waits for another.
// More tokens than a kernel keeps sums of are done in tiles: a tile after the first one finds the
// rows in the caches.
#ifndef RK_CUDA_MATVEC_CUH
#define RK_CUDA_MATVEC_CUH

#include "cuda/device.cuh"

namespace {

enum {
    MATVEC_THREADS = 128,
    MATVEC_ROWS = 2, // of a warp
    MATVEC_BLOCK_ROWS = MATVEC_ROWS * MATVEC_THREADS / WARP,
    MATVEC_TOKENS = 4, // of a tile
};

// The warp's product, and its first row, which may be behind the last one.
struct matvec_place {
    unsigned product, row;
};

__device__ inline matvec_place find_place(const rk__gpu_products &a) {
    unsigned p = 0;
    while (p + 1 < a.n && blockIdx.x >= a.first_block[p + 1]) p++;
    const unsigned block = blockIdx.x - a.first_block[p];
    return matvec_place{p, block * MATVEC_BLOCK_ROWS + threadIdx.x / WARP * MATVEC_ROWS};
}

// Row `i` of the warp's; the last row of the matrix again where there are no more.
__device__ inline size_t row_of(const rk__gpu_product &p, unsigned first, int i) {
    return first + i < p.matrix.rows ? first + i : p.matrix.rows - 1;
}

__device__ inline size_t token_of(const rk__gpu_products &a, unsigned first, int i) {
    return first + i < a.n_tokens ? first + i : a.n_tokens - 1;
}

// Adds the lanes' sums up; each value is finished by a lane of its own.
template <int TOKENS>
__device__ inline void finish(const rk__gpu_products &a, const rk__gpu_product &p, unsigned row,
                              unsigned token, const float (&sum)[MATVEC_ROWS][TOKENS]) {
    const unsigned lane = threadIdx.x % WARP;
#pragma unroll
    for (int r = 0; r < MATVEC_ROWS; r++) {
#pragma unroll
        for (int t = 0; t < TOKENS; t++) {
            const float value = warp_sum(sum[r][t]);
            const bool exists = row + r < p.matrix.rows && token + t < a.n_tokens;
            if (lane != (unsigned)(r * TOKENS + t) || !exists) continue;
            const size_t at = (size_t)(token + t) * p.out_stride + row + r;
            end_value(p.out + at, value, p.gate == nullptr ? nullptr : p.gate + at, p.ending);
        }
    }
}

// Starts `one` for one token, `many` for more.
inline unsigned launch_matvec(rk__gpu_stream stream, const rk__gpu_products *products,
                         void (*one)(rk__gpu_products), void (*many)(rk__gpu_products)) {
    rk__gpu_products a = *products;
    unsigned n_blocks = 0;
    for (unsigned i = 0; i < a.n; i++) {
        a.first_block[i] = n_blocks;
        n_blocks += (a.product[i].matrix.rows + MATVEC_BLOCK_ROWS - 1) / MATVEC_BLOCK_ROWS;
    }
    a.first_block[a.n] = n_blocks;
    return launch(stream, dim3(n_blocks), MATVEC_THREADS, a.n_tokens == 1 ? one : many, a);
}

} // namespace

#endif
