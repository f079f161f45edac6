// What the recurrences with matrix states share. Grid: (heads, spans); block: 4 threads for each of
// N >= head_size channels. Four neighbouring threads hold a line of the state's matrix in
// registers, thread `part` its elements 4 c + part; what lies beyond the head is zero.
//
// The tokens go by in tiles: the warps prepare the vectors of a tile's tokens in shared memory, a
// token a warp; then the state steps through the tile, without a barrier; then the warps finish the
// tokens' outputs.
#ifndef RK_CUDA_HEADS_CUH
#define RK_CUDA_HEADS_CUH

#include "cuda/device.cuh"

namespace {

enum { PARTS = 4, TILE_VALUES = 1024 };

// Vectors of a tile's tokens, [TILE][N].
template <int N> struct tile {
    enum { TOKENS = TILE_VALUES / N };
    float of[TOKENS][N];
};

// The head and the span of a block, and what its warps need to find their tokens.
struct head_place {
    size_t first, count, channel; // first and number of tokens; first channel of the head
    float *state;
};

__device__ inline head_place find_head(const rk__gpu_heads &h) {
    const unsigned head = blockIdx.x, span = blockIdx.y;
    const size_t n = h.head_size;
    return head_place{(size_t)h.tokens.span_first[span], (size_t)h.tokens.span_count[span],
                      head * n,
                      h.state + (size_t)h.tokens.span_sequence[span] * h.sequence_floats +
                          head * n * n};
}

// The sum of a value of each of the four threads of a line.
__device__ inline float line_sum(float x) {
    x += __shfl_xor_sync(RK__ALL_LANES, x, 1);
    return x + __shfl_xor_sync(RK__ALL_LANES, x, 2);
}

// A warp normalises one token's output of the head, y[n].
__device__ inline norm head_norm(const float *y, unsigned n, float eps) {
    const unsigned lane = threadIdx.x % WARP;
    float sum = 0.0f, squares = 0.0f;
    for (unsigned i = lane; i < n; i += WARP) sum += y[i];
    const float mean = warp_sum(sum) / (float)n;
    for (unsigned i = lane; i < n; i += WARP) {
        const float deviation = y[i] - mean;
        squares = fmaf(deviation, deviation, squares);
    }
    return norm{mean, 1.0f / sqrtf(warp_sum(squares) / (float)n + eps)};
}

// The kernel for heads of this size.
template <typename T>
inline unsigned launch_heads(rk__gpu_stream stream, const rk__gpu_heads &h, const T &arguments,
                        void (*small)(T), void (*usual)(T), void (*large)(T)) {
    const dim3 grid(h.n_head, h.tokens.n_spans);
    if (h.head_size <= 32) return launch(stream, grid, PARTS * 32, small, arguments);
    if (h.head_size <= 64) return launch(stream, grid, PARTS * 64, usual, arguments);
    return launch(stream, grid, PARTS * RK__GPU_HEAD_SIZE, large, arguments);
}

} // namespace

#endif
