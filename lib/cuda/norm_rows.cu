// Layer norms at the two ends of a model: rows of the embedding on their way in, chosen rows on
// their way to the head. Grid: rows; block: 256 threads.
#include "cuda/matrix_values.cuh"

namespace {

enum { THREADS = 256 };

__global__ void __launch_bounds__(THREADS) embed(const rk__gpu_embed a) {
    __shared__ float scratch[THREADS / WARP];
    const unsigned n = a.matrix.columns;
    float *x = a.x + (size_t)blockIdx.x * n;
    const size_t row = (size_t)a.token[blockIdx.x];
    // Each thread goes on with the channels that it has written itself.
    for (unsigned c = threadIdx.x; c < n; c += THREADS) x[c] = matrix_value(a.matrix, row, c);
    const norm of = norm_of(x, n, RK__LAYER_NORM_EPSILON, scratch);
    for (unsigned c = threadIdx.x; c < n; c += THREADS) {
        x[c] = normalised(of, x[c], a.weight[c], a.bias[c]);
    }
}

__global__ void __launch_bounds__(THREADS) norm_rows(const rk__gpu_norm_rows a) {
    __shared__ float scratch[THREADS / WARP];
    const float *x = a.x + (size_t)a.index[blockIdx.x] * a.n_embd;
    const norm of = norm_of(x, a.n_embd, RK__LAYER_NORM_EPSILON, scratch);
    for (unsigned c = threadIdx.x; c < a.n_embd; c += THREADS) {
        store_input(a.out, (size_t)blockIdx.x * a.n_embd + c,
                    normalised(of, x[c], a.weight[c], a.bias[c]));
    }
}

} // namespace

unsigned rk__gpu_embed_run(rk__gpu_stream stream, const rk__gpu_embed *arguments) {
    return launch(stream, dim3(arguments->n_tokens), THREADS, embed, *arguments);
}

unsigned rk__gpu_norm_rows_run(rk__gpu_stream stream, const rk__gpu_norm_rows *arguments) {
    return launch(stream, dim3(arguments->n), THREADS, norm_rows, *arguments);
}
