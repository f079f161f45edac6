// The recurrences with matrix states, one head at a time, and what RWKV-7 does around them: the
// scalar definition.
#include "kernels/wkv.h"

#include <math.h>

void rk__wkv6_scalar(float *y, float *state, const float *r, const float *k, const float *v,
                     const float *u, const float *w, size_t n) {
    for (size_t j = 0; j < n; j++) y[j] = 0.0F;
    for (size_t i = 0; i < n; i++) {
        float *row = state + i * n; // [value channel]
        const float bonus = u[i] * k[i];
        for (size_t j = 0; j < n; j++) {
            y[j] += r[i] * (row[j] + bonus * v[j]);
            row[j] = w[i] * row[j] + k[i] * v[j];
        }
    }
}

void rk__wkv7_scalar(float *y, float *state, const float *r, const float *w, const float *k,
                     const float *v, const float *removed, const float *rate, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float *row = state + i * n; // [key channel]
        float old = 0.0F;           // what the state holds at the direction that is removed
        for (size_t j = 0; j < n; j++) old += row[j] * removed[j];
        float sum = 0.0F;
        for (size_t j = 0; j < n; j++) {
            row[j] = row[j] * w[j] - old * (removed[j] * rate[j]) + v[i] * k[j];
            sum += row[j] * r[j];
        }
        y[i] = sum;
    }
}

float rk__rwkv7_key_scale(double squares) {
    const float smallest_length = 1e-12F;
    const float length = (float)sqrt(squares);
    return 1.0F / (length > smallest_length ? length : smallest_length);
}

static void rwkv7_key(float *key, float *removed, const float *rate, const float *k_k,
                      const float *k_a, size_t n) {
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        removed[i] = key[i] * k_k[i];
        squares += (double)removed[i] * (double)removed[i];
    }
    const float scale = rk__rwkv7_key_scale(squares);
    for (size_t i = 0; i < n; i++) {
        removed[i] *= scale;
        key[i] *= 1.0F + (rate[i] - 1.0F) * k_a[i];
    }
}

static void rwkv7_bonus(float *y, const float *r, const float *k, const float *v, const float *r_k,
                        size_t n) {
    double bonus = 0.0;
    for (size_t i = 0; i < n; i++) bonus += (double)(r[i] * k[i]) * (double)r_k[i];
    for (size_t i = 0; i < n; i++) y[i] += (float)bonus * v[i];
}

void rk__wkv_init_scalar(rk__vector *vector) {
    vector->wkv6 = rk__wkv6_scalar;
    vector->wkv7 = rk__wkv7_scalar;
    vector->rwkv7_key = rwkv7_key;
    vector->rwkv7_bonus = rwkv7_bonus;
}
