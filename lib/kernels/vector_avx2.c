// Vector functions of a forward pass with AVX2: 8 elements at a time, the rest one by one.
//
// Element for element they do the scalar kernels' operations in the same order, and none is fused,
// so all but layer_norm (whose sums run in another order) give the scalar kernels' bits, wherever
// the arrays are cut.
#include <immintrin.h>

#include "kernels/elementary_avx2.h"
#include "kernels/kernels.h"
#include "kernels/wkv.h"
#include "kernels/wkv4_channel.h"

enum { LANES = 8 };

// ---- functions of one array

static RK__ALWAYS_INLINE void map(float *out, const float *x, size_t n, __m256 (*wide)(__m256),
                                  float (*narrow)(float)) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) _mm256_storeu_ps(out + i, wide(_mm256_loadu_ps(x + i)));
    for (; i < n; i++) out[i] = narrow(x[i]);
}

static void exponential(float *out, const float *x, size_t n) {
    map(out, x, n, rk__exp_8, rk__exp);
}

static void sigmoid(float *out, const float *x, size_t n) {
    map(out, x, n, rk__sigmoid_8, rk__sigmoid);
}

static void squared_relu(float *out, const float *x, size_t n) {
    map(out, x, n, rk__squared_relu_8, rk__squared_relu);
}

static void hyperbolic_tangent(float *out, const float *x, size_t n) {
    map(out, x, n, rk__tanh_8, rk__tanh);
}

static void silu(float *out, const float *x, size_t n) {
    map(out, x, n, rk__silu_8, rk__silu);
}

static void exp_of_negative_exp(float *out, const float *x, size_t n) {
    map(out, x, n, rk__exp_of_negative_exp_8, rk__exp_of_negative_exp);
}

static void rwkv7_decay(float *out, const float *x, size_t n) {
    map(out, x, n, rk__rwkv7_decay_8, rk__rwkv7_decay);
}

// ---- functions of several arrays

static void multiply(float *out, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    }
    for (; i < n; i++) out[i] = a[i] * b[i];
}

static void add(float *out, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    }
    for (; i < n; i++) out[i] = a[i] + b[i];
}

static void lerp(float *out, const float *x, const float *previous, const float *mix, size_t n) {
    const __m256 one = _mm256_set1_ps(1.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 m = _mm256_loadu_ps(mix + i);
        const __m256 now = _mm256_mul_ps(m, _mm256_loadu_ps(x + i));
        const __m256 before = _mm256_mul_ps(_mm256_sub_ps(one, m), _mm256_loadu_ps(previous + i));
        _mm256_storeu_ps(out + i, _mm256_add_ps(now, before));
    }
    for (; i < n; i++) out[i] = mix[i] * x[i] + (1.0f - mix[i]) * previous[i];
}

static void shift(float *out, const float *x, const float *previous, const float *mix, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 now = _mm256_loadu_ps(x + i);
        const __m256 way = _mm256_sub_ps(_mm256_loadu_ps(previous + i), now);
        const __m256 moved = _mm256_mul_ps(_mm256_loadu_ps(mix + i), way);
        _mm256_storeu_ps(out + i, _mm256_add_ps(now, moved));
    }
    for (; i < n; i++) out[i] = x[i] + mix[i] * (previous[i] - x[i]);
}

// ---- layer norm

static RK__ALWAYS_INLINE __m256d low_doubles(__m256 x) {
    return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}

static RK__ALWAYS_INLINE __m256d high_doubles(__m256 x) {
    return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}

static RK__ALWAYS_INLINE double sum_of_lanes(__m256d low, __m256d high) {
    double lanes[4];
    _mm256_storeu_pd(lanes, _mm256_add_pd(low, high));
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

static double sum_of(const float *x, size_t n) {
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 values = _mm256_loadu_ps(x + i);
        low = _mm256_add_pd(low, low_doubles(values));
        high = _mm256_add_pd(high, high_doubles(values));
    }
    double sum = sum_of_lanes(low, high);
    for (; i < n; i++) sum += (double)x[i];
    return sum;
}

// Sum of (x - mean)^2.
static double squares_of(const float *x, size_t n, double mean) {
    const __m256d means = _mm256_set1_pd(mean);
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 values = _mm256_loadu_ps(x + i);
        const __m256d a = _mm256_sub_pd(low_doubles(values), means);
        const __m256d b = _mm256_sub_pd(high_doubles(values), means);
        low = _mm256_fmadd_pd(a, a, low);
        high = _mm256_fmadd_pd(b, b, high);
    }
    double squares = sum_of_lanes(low, high);
    for (; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    return squares;
}

static void layer_norm(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float eps) {
    const double mean = sum_of(x, n) / (double)n;
    const double scale = 1.0 / sqrt(squares_of(x, n, mean) / (double)n + (double)eps);
    const __m256d means = _mm256_set1_pd(mean), scales = _mm256_set1_pd(scale);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 values = _mm256_loadu_ps(x + i);
        const __m256d low = _mm256_mul_pd(_mm256_sub_pd(low_doubles(values), means), scales);
        const __m256d high = _mm256_mul_pd(_mm256_sub_pd(high_doubles(values), means), scales);
        const __m256 normal = _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
        const __m256 scaled = _mm256_mul_ps(normal, _mm256_loadu_ps(weight + i));
        _mm256_storeu_ps(out + i, _mm256_add_ps(scaled, _mm256_loadu_ps(bias + i)));
    }
    for (; i < n; i++) {
        const float normal = (float)(((double)x[i] - mean) * scale);
        out[i] = normal * weight[i] + bias[i];
    }
}

// ---- RWKV-4's recurrence

// Weights of the two terms of a sum whose exponents differ by `lead`.
typedef struct term_weights {
    __m256 leads, first, second;
} term_weights;

static RK__ALWAYS_INLINE term_weights weigh(__m256 lead) {
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 smaller = rk__exp_8(_mm256_or_ps(_mm256_set1_ps(-0.0f), lead));
    const __m256 leads = _mm256_cmp_ps(lead, _mm256_setzero_ps(), _CMP_GT_OQ);
    return (term_weights){
        .leads = leads,
        .first = _mm256_blendv_ps(smaller, one, leads),
        .second = _mm256_blendv_ps(one, smaller, leads),
    };
}

static RK__ALWAYS_INLINE __m256 weighted_sum(const term_weights *w, __m256 first, __m256 second) {
    return _mm256_add_ps(_mm256_mul_ps(w->first, first), _mm256_mul_ps(w->second, second));
}

static RK__ALWAYS_INLINE __m256 wkv4_channels(float *aa, float *bb, float *pp, const float *k,
                                              const float *v, const float *u, const float *w) {
    const __m256 key = _mm256_loadu_ps(k), value = _mm256_loadu_ps(v);
    const __m256 a = _mm256_loadu_ps(aa), b = _mm256_loadu_ps(bb), p = _mm256_loadu_ps(pp);
    const __m256 one = _mm256_set1_ps(1.0f);
    const term_weights now = weigh(_mm256_sub_ps(p, _mm256_add_ps(_mm256_loadu_ps(u), key)));
    const __m256 above = weighted_sum(&now, a, value);
    const __m256 below = weighted_sum(&now, b, one);

    const __m256 decayed = _mm256_add_ps(p, _mm256_loadu_ps(w));
    const term_weights next = weigh(_mm256_sub_ps(decayed, key));
    _mm256_storeu_ps(aa, weighted_sum(&next, a, value));
    _mm256_storeu_ps(bb, weighted_sum(&next, b, one));
    _mm256_storeu_ps(pp, _mm256_blendv_ps(key, decayed, next.leads));
    return _mm256_div_ps(above, below);
}

static void wkv4(float *wkv, float *aa, float *bb, float *pp, const float *k, const float *v,
                 const float *u, const float *w, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        _mm256_storeu_ps(wkv + i,
                         wkv4_channels(aa + i, bb + i, pp + i, k + i, v + i, u + i, w + i));
    }
    for (; i < n; i++) {
        wkv[i] = rk__wkv4_channel(&aa[i], &bb[i], &pp[i], k[i], v[i], u[i], w[i]);
    }
}

void rk__vector_init_avx2(rk__kernels *kernels) {
    kernels->vector.layer_norm = layer_norm;
    kernels->vector.lerp = lerp;
    kernels->vector.exp = exponential;
    kernels->vector.sigmoid = sigmoid;
    kernels->vector.squared_relu = squared_relu;
    kernels->vector.multiply = multiply;
    kernels->vector.add = add;
    kernels->vector.shift = shift;
    kernels->vector.tanh = hyperbolic_tangent;
    kernels->vector.silu = silu;
    kernels->vector.exp_of_negative_exp = exp_of_negative_exp;
    kernels->vector.rwkv7_decay = rwkv7_decay;
    kernels->vector.wkv4 = wkv4;
    rk__wkv_init_avx2(&kernels->vector);
}
