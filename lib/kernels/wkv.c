// The recurrences with matrix states, one head at a time: the scalar definition.
#include "kernels/vector.h"

static void wkv6(float *y, float *state, const float *r, const float *k, const float *v,
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

static void wkv7(float *y, float *state, const float *r, const float *w, const float *k,
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

void rk__wkv_init_scalar(rk__vector *vector) {
    vector->wkv6 = wkv6;
    vector->wkv7 = wkv7;
}
