// Scalar vector functions of a forward pass: the definition of kernels/vector.h.
#include <math.h>

#include "kernels/elementary.h"
#include "kernels/kernels.h"
#include "kernels/wkv.h"
#include "kernels/wkv4_channel.h"

static void layer_norm(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float eps) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    const double mean = sum / (double)n;
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double deviation = (double)x[i] - mean;
        squares += deviation * deviation;
    }
    const double scale = 1.0 / sqrt(squares / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++) {
        const float normal = (float)(((double)x[i] - mean) * scale);
        out[i] = normal * weight[i] + bias[i];
    }
}

static void lerp(float *out, const float *x, const float *previous, const float *mix, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = mix[i] * x[i] + (1.0f - mix[i]) * previous[i];
}

static void exponential(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__exp(x[i]);
}

static void sigmoid(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__sigmoid(x[i]);
}

static void squared_relu(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__squared_relu(x[i]);
}

static void multiply(float *out, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a[i] * b[i];
}

static void add(float *out, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

static void shift(float *out, const float *x, const float *previous, const float *mix, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] + mix[i] * (previous[i] - x[i]);
}

static void hyperbolic_tangent(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__tanh(x[i]);
}

static void silu(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__silu(x[i]);
}

static void exp_of_negative_exp(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__exp_of_negative_exp(x[i]);
}

static void rwkv7_decay(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__rwkv7_decay(x[i]);
}

static void wkv4(float *wkv, float *aa, float *bb, float *pp, const float *k, const float *v,
                 const float *u, const float *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        wkv[i] = rk__wkv4_channel(&aa[i], &bb[i], &pp[i], k[i], v[i], u[i], w[i]);
    }
}

void rk__vector_init_scalar(rk__kernels *kernels) {
    kernels->vector = (rk__vector){
        .layer_norm = layer_norm,
        .lerp = lerp,
        .exp = exponential,
        .sigmoid = sigmoid,
        .squared_relu = squared_relu,
        .multiply = multiply,
        .add = add,
        .shift = shift,
        .tanh = hyperbolic_tangent,
        .silu = silu,
        .exp_of_negative_exp = exp_of_negative_exp,
        .rwkv7_decay = rwkv7_decay,
        .wkv4 = wkv4,
    };
    rk__wkv_init_scalar(&kernels->vector);
}
