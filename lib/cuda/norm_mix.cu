// Layer norm, token shift and mixing in one kernel.
//
// Grid: (tokens, parts of the channels); block: 256 threads. Every block normalises its whole token
// again, which costs a read from the L2 cache and saves a kernel: with one token there are as many
// parts as fill the device, with many tokens there is one part.
//
// A token's predecessor is the token before it in its span, normalised here once more, or what the
// state keeps. The block of a span's first token is the only one that touches the state: it reads
// the row, then writes what the span's last token leaves there.
#include "cuda/device.cuh"

namespace {

enum { THREADS = 256 };

__device__ float mixed(const rk__gpu_norm_mix &a, const rk__gpu_mix &mix, size_t token, unsigned c,
                       float x, float previous) {
    float weight = mix.weight[c];
    if (mix.addend != nullptr) weight += mix.addend[token * a.n_embd + c];
    return a.shifts_towards_previous ? x + weight * (previous - x)
                                     : weight * x + (1.0f - weight) * previous;
}

__global__ void __launch_bounds__(THREADS) norm_mix(const rk__gpu_norm_mix a) {
    __shared__ float scratch[THREADS / WARP];
    const size_t token = blockIdx.x;
    const size_t first = (size_t)a.tokens.first[token], last = (size_t)a.tokens.last[token];
    const bool begins = token == first;
    const float *x = a.x + token * a.n_embd;
    const float *before = begins ? x : x - a.n_embd;
    const float *final = a.x + last * a.n_embd;
    float *state = a.state + (size_t)a.tokens.sequence[token] * a.sequence_floats;
    const norm own = norm_of(x, a.n_embd, RK__LAYER_NORM_EPSILON, scratch);
    norm other = own; // of the predecessor, or of the token that the state is to keep
    if (!begins) other = norm_of(before, a.n_embd, RK__LAYER_NORM_EPSILON, scratch);
    if (begins && last != token) other = norm_of(final, a.n_embd, RK__LAYER_NORM_EPSILON, scratch);
    for (unsigned c = blockIdx.y * THREADS + threadIdx.x; c < a.n_embd; c += gridDim.y * THREADS) {
        const float weight = a.weight[c], bias = a.bias[c];
        const float now = normalised(own, x[c], weight, bias);
        const float previous = begins ? state[c] : normalised(other, before[c], weight, bias);
        for (unsigned i = 0; i < a.n_mixes; i++) {
            store_input(a.mix[i].out, token * a.n_embd + c,
                        mixed(a, a.mix[i], token, c, now, previous));
        }
        if (begins && a.keeps) state[c] = normalised(other, final[c], weight, bias);
    }
}

} // namespace

unsigned rk__gpu_norm_mix_run(rk__gpu_stream stream, const rk__gpu_norm_mix *arguments) {
    enum { MANY_TOKENS = 64 };
    const unsigned n_tokens = arguments->tokens.n_tokens;
    const unsigned n_parts = (arguments->n_embd + THREADS - 1) / THREADS;
    const dim3 grid(n_tokens, n_tokens >= MANY_TOKENS ? 1 : n_parts);
    return launch(stream, grid, THREADS, norm_mix, *arguments);
}
