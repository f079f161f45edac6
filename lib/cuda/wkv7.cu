// The recurrence of RWKV-7 with all that stands around it (equations: kernels/vector.h, wkv7,
// rwkv7_key, rwkv7_bonus; geometry: heads.cuh). The state is [value i][key j]; a line of threads
// holds row i.
#include "cuda/heads.cuh"

namespace {

// exp(-0.5), the strongest decay, rounded as every implementation has it.
#define STRONGEST_DECAY (-0.606531f)

template <int N> struct vectors {
    tile<N> r, w, k, v, removed, replaced, y; // replaced: removed times the rate
};

// One channel of one token: the value is mixed with the first layer's, or is the first layer's.
__device__ float mix_value(const rk__gpu_wkv7 &a, size_t at, size_t c) {
    const float v = a.v[at];
    if (a.residual == nullptr) {
        a.first_value[at] = v;
        return v;
    }
    return v + sigmoid(a.v0[c] + a.residual[at]) * (a.first_value[at] - v);
}

// A warp brings one token's vectors. What lies beyond the head has no decay to keep it: all zeros.
template <int N>
__device__ void prepare(vectors<N> &s, const rk__gpu_wkv7 &a, size_t channel, size_t token,
                        unsigned t) {
    const unsigned n = a.heads.head_size, lane = threadIdx.x % WARP;
    float squares = 0.0f;
    for (unsigned i = lane; i < n; i += WARP) {
        const float removed =
            a.k[token * a.heads.n_head * n + channel + i] * a.k_k[channel + i];
        squares = fmaf(removed, removed, squares);
    }
    const float length = sqrtf(warp_sum(squares));
    const float scale = 1.0f / (length > 1e-12f ? length : 1e-12f);
    for (unsigned i = lane; i < N; i += WARP) {
        const bool exists = i < n;
        const size_t c = channel + i, at = token * a.heads.n_head * n + c;
        const float rate = exists ? sigmoid(a.a0[c] + a.rate[at]) : 0.0f;
        const float key = exists ? a.k[at] : 0.0f;
        const float removed = exists ? key * a.k_k[c] * scale : 0.0f;
        s.r.of[t][i] = exists ? a.r[at] : 0.0f;
        s.w.of[t][i] =
            exists ? expf(STRONGEST_DECAY * sigmoid(a.w0[c] + a.decay[at])) : 0.0f;
        s.k.of[t][i] = exists ? key * (1.0f + (rate - 1.0f) * a.k_a[c]) : 0.0f;
        s.v.of[t][i] = exists ? mix_value(a, at, c) : 0.0f;
        s.removed.of[t][i] = removed;
        s.replaced.of[t][i] = removed * rate;
    }
}

// One token of the state's row i; y[i].
template <int N>
__device__ void step(vectors<N> &s, float (&state)[N / PARTS], unsigned t) {
    const unsigned i = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
    float old = 0.0f; // what the state holds in the direction that is removed
#pragma unroll
    for (int c = 0; c < N / PARTS; c++) {
        old = fmaf(state[c], s.removed.of[t][PARTS * c + part], old);
    }
    old = line_sum(old);
    const float v = s.v.of[t][i];
    float sum = 0.0f;
#pragma unroll
    for (int c = 0; c < N / PARTS; c++) {
        const unsigned j = PARTS * c + part;
        const float kept = fmaf(-old, s.replaced.of[t][j], state[c] * s.w.of[t][j]);
        state[c] = fmaf(v, s.k.of[t][j], kept);
        sum = fmaf(state[c], s.r.of[t][j], sum);
    }
    sum = line_sum(sum);
    if (part == 0) s.y.of[t][i] = sum;
}

template <int N>
__device__ void finish(const vectors<N> &s, const rk__gpu_wkv7 &a, size_t channel, size_t token,
                       unsigned t) {
    const unsigned n = a.heads.head_size, lane = threadIdx.x % WARP;
    const norm of = head_norm(s.y.of[t], n, a.heads.eps);
    float bonus = 0.0f;
    for (unsigned i = lane; i < n; i += WARP) {
        bonus = fmaf(s.r.of[t][i] * s.k.of[t][i], a.r_k[channel + i], bonus);
    }
    bonus = warp_sum(bonus);
    for (unsigned i = lane; i < n; i += WARP) {
        const size_t c = channel + i, at = token * a.heads.n_head * n + c;
        const float y = normalised(of, s.y.of[t][i], a.heads.ln_weight[c], a.heads.ln_bias[c]);
        a.heads.out[at] = fmaf(bonus, s.v.of[t][i], y) * a.gate[at];
    }
}

template <int N> __global__ void __launch_bounds__(PARTS *N) wkv7(const rk__gpu_wkv7 a) {
    __shared__ vectors<N> s;
    constexpr unsigned TOKENS = tile<N>::TOKENS, WARPS = PARTS * N / WARP;
    const head_place at = find_head(a.heads);
    const unsigned n = a.heads.head_size, warp = threadIdx.x / WARP;
    const unsigned i = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
    float state[N / PARTS];
#pragma unroll
    for (int c = 0; c < N / PARTS; c++) {
        const unsigned j = PARTS * c + part;
        state[c] = i < n && j < n ? at.state[i * n + j] : 0.0f;
    }
    for (size_t begin = 0; begin < at.count; begin += TOKENS) {
        const size_t left = at.count - begin, token = at.first + begin;
        const unsigned n_tokens = left < TOKENS ? (unsigned)left : TOKENS;
        for (unsigned t = warp; t < n_tokens; t += WARPS) {
            prepare<N>(s, a, at.channel, token + t, t);
        }
        __syncthreads();
        for (unsigned t = 0; t < n_tokens; t++) step<N>(s, state, t);
        __syncthreads();
        for (unsigned t = warp; t < n_tokens; t += WARPS) {
            finish<N>(s, a, at.channel, token + t, t);
        }
        __syncthreads();
    }
#pragma unroll
    for (int c = 0; c < N / PARTS; c++) {
        const unsigned j = PARTS * c + part;
        if (i < n && j < n) at.state[i * n + j] = state[c];
    }
}

} // namespace

unsigned rk__gpu_wkv7_run(rk__gpu_stream stream, const rk__gpu_wkv7 *arguments) {
    return launch_heads(stream, arguments->heads, *arguments, wkv7<32>, wkv7<64>,
                        wkv7<RK__GPU_HEAD_SIZE>);
}
