// The recurrence of RWKV-4, a thread a channel, with the state in registers (equations:
// kernels/vector.h). Grid: (channels, spans); block: 128 threads.
#include "cuda/device.cuh"

namespace {

enum { THREADS = 128 };

struct channel {
    float aa, bb, pp;
};

// Of the two terms of a sum the one with the larger exponent has weight 1: nothing overflows.
__device__ float step(channel *s, float k, float v, float u, float w) {
    const float lead = s->pp - (u + k);
    const float smaller = expf(-fabsf(lead));
    const float past = lead > 0.0f ? 1.0f : smaller;
    const float present = lead > 0.0f ? smaller : 1.0f;
    const float above = past * s->aa + present * v;
    const float below = past * s->bb + present;

    const float decayed = s->pp + w;
    const float next_lead = decayed - k;
    const float next_smaller = expf(-fabsf(next_lead));
    const float kept = next_lead > 0.0f ? 1.0f : next_smaller;
    const float added = next_lead > 0.0f ? next_smaller : 1.0f;
    s->aa = kept * s->aa + added * v;
    s->bb = kept * s->bb + added;
    s->pp = next_lead > 0.0f ? decayed : k;
    return above / below;
}

__global__ void __launch_bounds__(THREADS) wkv4(const rk__gpu_wkv4 a) {
    const unsigned c = blockIdx.x * THREADS + threadIdx.x, span = blockIdx.y;
    if (c >= a.n_embd) return;
    const size_t first = (size_t)a.tokens.span_first[span];
    const size_t count = (size_t)a.tokens.span_count[span];
    float *state = a.state + (size_t)a.tokens.span_sequence[span] * a.sequence_floats + c;
    channel s = {state[0], state[a.n_embd], state[2 * (size_t)a.n_embd]};
    const float u = a.first[c], w = a.decay[c];
    for (size_t t = first; t < first + count; t++) {
        const size_t at = t * a.n_embd + c;
        a.out[at] = step(&s, a.k[at], a.v[at], u, w) * sigmoid(a.r[at]);
    }
    state[0] = s.aa;
    state[a.n_embd] = s.bb;
    state[2 * (size_t)a.n_embd] = s.pp;
}

} // namespace

unsigned rk__gpu_wkv4_run(rk__gpu_stream stream, const rk__gpu_wkv4 *arguments) {
    const dim3 grid((arguments->n_embd + THREADS - 1) / THREADS, arguments->tokens.n_spans);
    return launch(stream, grid, THREADS, wkv4, *arguments);
}
