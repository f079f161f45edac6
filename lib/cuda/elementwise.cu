// What works on values one by one: endings of products that were made elsewhere, the other forms of
// an input, rows of a matrix as FP16. Grid: as many blocks of 256 threads as there are values, the
// rows of widened matrices along y.
#include "cuda/matrix_values.cuh"

namespace {

enum { THREADS = 256 };

unsigned blocks_for(size_t n) {
    return (unsigned)((n + THREADS - 1) / THREADS);
}

__global__ void __launch_bounds__(THREADS) end_products(const rk__gpu_end a) {
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= (size_t)a.n_tokens * a.rows) return;
    const size_t at = i / a.rows * a.out_stride + i % a.rows;
    end_value(a.out + at, a.product[i], a.gate == nullptr ? nullptr : a.gate + at, a.ending);
}

// Where 8 bits are wanted the number of columns is a multiple of 32: warps are whole.
__global__ void __launch_bounds__(THREADS) round_input(const rk__gpu_round a) {
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= (size_t)a.n_tokens * a.columns) return;
    rk__gpu_input out = a.input;
    out.x = nullptr; // is there
    store_input(out, i, a.input.x[i]);
}

__global__ void __launch_bounds__(THREADS) widen(const rk__gpu_widen a) {
    const unsigned column = blockIdx.x * THREADS + threadIdx.x;
    const size_t row = blockIdx.y;
    if (column >= a.matrix.columns) return;
    a.half[row * a.matrix.columns + column] =
        half_of_float(matrix_value(a.matrix, a.first + row, column));
}

} // namespace

unsigned rk__gpu_end_run(rk__gpu_stream stream, const rk__gpu_end *arguments) {
    const dim3 grid(blocks_for((size_t)arguments->n_tokens * arguments->rows));
    return launch(stream, grid, THREADS, end_products, *arguments);
}

unsigned rk__gpu_round_run(rk__gpu_stream stream, const rk__gpu_round *arguments) {
    const dim3 grid(blocks_for((size_t)arguments->n_tokens * arguments->columns));
    return launch(stream, grid, THREADS, round_input, *arguments);
}

unsigned rk__gpu_widen_run(rk__gpu_stream stream, const rk__gpu_widen *arguments) {
    const dim3 grid(blocks_for(arguments->matrix.columns), arguments->n);
    return launch(stream, grid, THREADS, widen, *arguments);
}
