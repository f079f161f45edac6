// The recurrences with matrix states with AVX2, for heads of a multiple of 8 channels; heads of
// other sizes are left to the scalar kernels. Products and sums are fused.
#include <immintrin.h>

#include "kernels/inlining.h"
#include "kernels/wkv.h"

enum { LANES = 8 };

// ---- RWKV-5 and 6: every row of the state adds to all outputs, so outputs stay in registers, some
// at a time, and the rows go by.

enum { MOST_VECTORS = 4 }; // of outputs at a time

// Outputs and state columns [0, n_vectors * 8) from where y, state and v point.
static RK__ALWAYS_INLINE void wkv6_columns(size_t n_vectors, float *y, float *state, const float *r,
                                           const float *k, const float *v, const float *u,
                                           const float *w, size_t n) {
    __m256 sum[MOST_VECTORS], value[MOST_VECTORS];
    RK__UNROLL
    for (size_t j = 0; j < n_vectors; j++) {
        sum[j] = _mm256_setzero_ps();
        value[j] = _mm256_loadu_ps(v + j * LANES);
    }
    for (size_t i = 0; i < n; i++, state += n) {
        const __m256 bonus = _mm256_set1_ps(u[i] * k[i]);
        const __m256 key = _mm256_broadcast_ss(k + i), receptance = _mm256_broadcast_ss(r + i);
        const __m256 decay = _mm256_broadcast_ss(w + i);
        RK__UNROLL
        for (size_t j = 0; j < n_vectors; j++) {
            const __m256 old = _mm256_loadu_ps(state + j * LANES);
            sum[j] = _mm256_fmadd_ps(receptance, _mm256_fmadd_ps(bonus, value[j], old), sum[j]);
            const __m256 added = _mm256_mul_ps(key, value[j]);
            _mm256_storeu_ps(state + j * LANES, _mm256_fmadd_ps(decay, old, added));
        }
    }
    RK__UNROLL
    for (size_t j = 0; j < n_vectors; j++) _mm256_storeu_ps(y + j * LANES, sum[j]);
}

static void wkv6(float *y, float *state, const float *r, const float *k, const float *v,
                 const float *u, const float *w, size_t n) {
    if (n % LANES != 0) {
        rk__wkv6_scalar(y, state, r, k, v, u, w, n);
        return;
    }
    size_t j = 0;
    for (; j + MOST_VECTORS * LANES <= n; j += MOST_VECTORS * LANES) {
        wkv6_columns(MOST_VECTORS, y + j, state + j, r, k, v + j, u, w, n);
    }
    for (; j < n; j += LANES) wkv6_columns(1, y + j, state + j, r, k, v + j, u, w, n);
}

// ---- RWKV-7: every row of the state has its own output, so rows are taken 8 at a time: their sums
// wait for each other in no case, and 8 of them fill a register in the end.

// The sum of the lanes of each of 8 vectors.
static RK__ALWAYS_INLINE __m256 sums_of_lanes(const __m256 v[LANES]) {
    const __m256 v01 = _mm256_hadd_ps(v[0], v[1]), v23 = _mm256_hadd_ps(v[2], v[3]);
    const __m256 v45 = _mm256_hadd_ps(v[4], v[5]), v67 = _mm256_hadd_ps(v[6], v[7]);
    const __m256 low = _mm256_hadd_ps(v01, v23), high = _mm256_hadd_ps(v45, v67);
    const __m256 left = _mm256_permute2f128_ps(low, high, 0x20);
    const __m256 right = _mm256_permute2f128_ps(low, high, 0x31);
    return _mm256_add_ps(left, right);
}

// What the rows of the state hold at the direction that is removed.
static RK__ALWAYS_INLINE void old_values(float old[LANES], const float *state, const float *removed,
                                         size_t n) {
    __m256 sum[LANES];
    RK__UNROLL
    for (size_t i = 0; i < LANES; i++) sum[i] = _mm256_setzero_ps();
    for (size_t j = 0; j < n; j += LANES) {
        const __m256 direction = _mm256_loadu_ps(removed + j);
        RK__UNROLL
        for (size_t i = 0; i < LANES; i++) {
            sum[i] = _mm256_fmadd_ps(_mm256_loadu_ps(state + i * n + j), direction, sum[i]);
        }
    }
    _mm256_storeu_ps(old, sums_of_lanes(sum));
}

static RK__ALWAYS_INLINE void wkv7_rows(float *y, float *state, const float *r, const float *w,
                                        const float *k, const float *v, const float *removed,
                                        const float *rate, size_t n) {
    float old[LANES];
    old_values(old, state, removed, n);
    __m256 sum[LANES];
    RK__UNROLL
    for (size_t i = 0; i < LANES; i++) sum[i] = _mm256_setzero_ps();
    for (size_t j = 0; j < n; j += LANES) {
        const __m256 decay = _mm256_loadu_ps(w + j), key = _mm256_loadu_ps(k + j);
        const __m256 receptance = _mm256_loadu_ps(r + j);
        const __m256 step = _mm256_mul_ps(_mm256_loadu_ps(removed + j), _mm256_loadu_ps(rate + j));
        RK__UNROLL
        for (size_t i = 0; i < LANES; i++) {
            float *const at = state + i * n + j;
            __m256 change = _mm256_mul_ps(_mm256_broadcast_ss(v + i), key);
            change = _mm256_fnmadd_ps(_mm256_broadcast_ss(old + i), step, change);
            const __m256 row = _mm256_fmadd_ps(_mm256_loadu_ps(at), decay, change);
            _mm256_storeu_ps(at, row);
            sum[i] = _mm256_fmadd_ps(row, receptance, sum[i]);
        }
    }
    _mm256_storeu_ps(y, sums_of_lanes(sum));
}

static void wkv7(float *y, float *state, const float *r, const float *w, const float *k,
                 const float *v, const float *removed, const float *rate, size_t n) {
    if (n % LANES != 0) {
        rk__wkv7_scalar(y, state, r, w, k, v, removed, rate, n);
        return;
    }
    for (size_t i = 0; i < n; i += LANES) {
        wkv7_rows(y + i, state + i * n, r, w, k, v + i, removed, rate, n);
    }
}

// ---- around RWKV-7's recurrence

static RK__ALWAYS_INLINE __m256d low_doubles(__m256 x) {
    return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}

static RK__ALWAYS_INLINE __m256d high_doubles(__m256 x) {
    return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}

static RK__ALWAYS_INLINE double sum_of_doubles(__m256d low, __m256d high) {
    double lanes[4];
    _mm256_storeu_pd(lanes, _mm256_add_pd(low, high));
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

static void rwkv7_key(float *key, float *removed, const float *rate, const float *k_k,
                      const float *k_a, size_t n) {
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 raw = _mm256_mul_ps(_mm256_loadu_ps(key + i), _mm256_loadu_ps(k_k + i));
        low = _mm256_fmadd_pd(low_doubles(raw), low_doubles(raw), low);
        high = _mm256_fmadd_pd(high_doubles(raw), high_doubles(raw), high);
        _mm256_storeu_ps(removed + i, raw);
    }
    double squares = sum_of_doubles(low, high);
    for (; i < n; i++) {
        removed[i] = key[i] * k_k[i];
        squares += (double)removed[i] * (double)removed[i];
    }
    const float scale = rk__rwkv7_key_scale(squares);
    const __m256 scales = _mm256_set1_ps(scale), one = _mm256_set1_ps(1.0f);
    for (i = 0; i + LANES <= n; i += LANES) {
        _mm256_storeu_ps(removed + i, _mm256_mul_ps(_mm256_loadu_ps(removed + i), scales));
        const __m256 less = _mm256_sub_ps(_mm256_loadu_ps(rate + i), one);
        const __m256 factor = _mm256_fmadd_ps(less, _mm256_loadu_ps(k_a + i), one);
        _mm256_storeu_ps(key + i, _mm256_mul_ps(_mm256_loadu_ps(key + i), factor));
    }
    for (; i < n; i++) {
        removed[i] *= scale;
        key[i] *= 1.0F + (rate[i] - 1.0F) * k_a[i];
    }
}

static void rwkv7_bonus(float *y, const float *r, const float *k, const float *v, const float *r_k,
                        size_t n) {
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 rk = _mm256_mul_ps(_mm256_loadu_ps(r + i), _mm256_loadu_ps(k + i));
        const __m256 weight = _mm256_loadu_ps(r_k + i);
        low = _mm256_fmadd_pd(low_doubles(rk), low_doubles(weight), low);
        high = _mm256_fmadd_pd(high_doubles(rk), high_doubles(weight), high);
    }
    double bonus = sum_of_doubles(low, high);
    for (; i < n; i++) bonus += (double)(r[i] * k[i]) * (double)r_k[i];
    const __m256 factor = _mm256_set1_ps((float)bonus);
    for (i = 0; i + LANES <= n; i += LANES) {
        const __m256 sum = _mm256_fmadd_ps(factor, _mm256_loadu_ps(v + i), _mm256_loadu_ps(y + i));
        _mm256_storeu_ps(y + i, sum);
    }
    for (; i < n; i++) y[i] += (float)bonus * v[i];
}

void rk__wkv_init_avx2(rk__vector *vector) {
    vector->wkv6 = wkv6;
    vector->wkv7 = wkv7;
    vector->rwkv7_key = rwkv7_key;
    vector->rwkv7_bonus = rwkv7_bonus;
}
