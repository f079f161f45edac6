// Scalar vector functions of a forward pass: the definition of kernels/vector.h.
#include <math.h>

#include "kernels/kernels.h"

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

// The exponent is never positive, so nothing overflows on the way to 0 or 1.
static float sigmoid_of(float x) {
    const float e = expf(-fabsf(x));
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

static void sigmoid(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = sigmoid_of(x[i]);
}

// A comparison that is true for NaN too keeps it.
static void squared_relu(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] <= 0.0f ? 0.0f : x[i] * x[i];
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
    for (size_t i = 0; i < n; i++) out[i] = tanhf(x[i]);
}

static void silu(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] * sigmoid_of(x[i]);
}

static void exp_of_negative_exp(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = expf(-expf(x[i]));
}

static void rwkv7_decay(float *out, const float *x, size_t n) {
    const float strongest =
        -0.606531f; // exp(-0.5) rounded to six digits, as every implementation has it
    for (size_t i = 0; i < n; i++) out[i] = expf(strongest * sigmoid_of(x[i]));
}

// Sums of e^x and of e^x * value are kept divided by e^pp, so that no exponent is positive.
static void wkv4(float *wkv, float *aa, float *bb, float *pp, const float *k, const float *v,
                 const float *u, const float *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float now = u[i] + k[i];
        const float q = pp[i] > now ? pp[i] : now;
        const float past_weight = expf(pp[i] - q);
        const float now_weight = expf(now - q);
        const float above = past_weight * aa[i] + now_weight * v[i];
        const float below = past_weight * bb[i] + now_weight;

        const float decayed = pp[i] + w[i];
        const float next = decayed > k[i] ? decayed : k[i];
        const float kept = expf(decayed - next);
        const float added = expf(k[i] - next);
        aa[i] = kept * aa[i] + added * v[i];
        bb[i] = kept * bb[i] + added;
        pp[i] = next;
        wkv[i] = above / below; // last: wkv may be k or v
    }
}

void rk__vector_init_scalar(rk__kernels *kernels) {
    kernels->vector = (rk__vector){
        .layer_norm = layer_norm,
        .lerp = lerp,
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
