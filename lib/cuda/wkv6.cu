// The recurrence of RWKV-5 and 6 (equations: kernels/vector.h, wkv6; geometry: heads.cuh). The state
// is [key i][value j]; a line of threads holds column j.
#include "cuda/heads.cuh"

namespace {

template <int N> struct vectors {
    tile<N> r, k, v, w, y;
    float u[N];
};

// A warp brings one token's vectors.
template <int N>
__device__ void prepare(vectors<N> &s, const rk__gpu_wkv6 &a, size_t channel, size_t token,
                        unsigned t) {
    for (unsigned i = threadIdx.x % WARP; i < N; i += WARP) {
        const bool exists = i < a.heads.head_size;
        const size_t c = channel + i, at = token * a.heads.n_head * a.heads.head_size + c;
        s.r.of[t][i] = exists ? a.r[at] : 0.0f;
        s.k.of[t][i] = exists ? a.k[at] : 0.0f;
        s.v.of[t][i] = exists ? a.v[at] : 0.0f;
        float decay = exists ? a.decay[c] : 0.0f;
        if (exists && a.token_decay != nullptr) decay = expf(-expf(a.token_decay[at] + decay));
        s.w.of[t][i] = decay;
    }
}

// One token of the state's column j; y[j].
template <int N>
__device__ void step(vectors<N> &s, float (&state)[N / PARTS], unsigned t) {
    const unsigned j = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
    const float v = s.v.of[t][j];
    float sum = 0.0f;
#pragma unroll
    for (int c = 0; c < N / PARTS; c++) {
        const unsigned i = PARTS * c + part;
        const float k = s.k.of[t][i];
        sum = fmaf(s.r.of[t][i], fmaf(s.u[i] * k, v, state[c]), sum);
        state[c] = fmaf(s.w.of[t][i], state[c], k * v);
    }
    sum = line_sum(sum);
    if (part == 0) s.y.of[t][j] = sum;
}

template <int N>
__device__ void finish(const vectors<N> &s, const rk__gpu_wkv6 &a, size_t channel, size_t token,
                       unsigned t) {
    const norm of = head_norm(s.y.of[t], a.heads.head_size, a.heads.eps);
    for (unsigned i = threadIdx.x % WARP; i < a.heads.head_size; i += WARP) {
        const size_t c = channel + i, at = token * a.heads.n_head * a.heads.head_size + c;
        float y = normalised(of, s.y.of[t][i], a.heads.ln_weight[c], a.heads.ln_bias[c]);
        if (a.gate != nullptr) y *= a.gate[at] * sigmoid(a.gate[at]);
        a.heads.out[at] = y;
    }
}

template <int N> __global__ void __launch_bounds__(PARTS *N) wkv6(const rk__gpu_wkv6 a) {
    __shared__ vectors<N> s;
    constexpr unsigned TOKENS = tile<N>::TOKENS, WARPS = PARTS * N / WARP;
    const head_place at = find_head(a.heads);
    const unsigned n = a.heads.head_size, warp = threadIdx.x / WARP;
    const unsigned j = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
    if (threadIdx.x < N) s.u[threadIdx.x] = threadIdx.x < n ? a.first[at.channel + threadIdx.x] : 0;
    float state[N / PARTS];
#pragma unroll
    for (int c = 0; c < N / PARTS; c++) {
        const unsigned i = PARTS * c + part;
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
        const unsigned i = PARTS * c + part;
        if (i < n && j < n) at.state[i * n + j] = state[c];
    }
}

} // namespace

unsigned rk__gpu_wkv6_run(rk__gpu_stream stream, const rk__gpu_wkv6 *arguments) {
    return launch_heads(stream, arguments->heads, *arguments, wkv6<32>, wkv6<64>,
                        wkv6<RK__GPU_HEAD_SIZE>);
}
