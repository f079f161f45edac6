// What the functions of single elements, and the layer norm, should give.
#include <math.h>
#include <stddef.h>

#include "vector_checks.h"

float fill_near_one(size_t input, size_t i) {
    (void)input, (void)i;
    return check_random_float(-3.0f, 3.0f);
}

// Powers of two from far below 1 to far above, so that results reach the denormals.
static float fill_wide(size_t input, size_t i) {
    (void)input, (void)i;
    return ldexpf(check_random_float(-2.0f, 2.0f), (int)check_random_below(140) - 80);
}

static float fill_exponents(size_t input, size_t i) {
    static const float special[] = {0.0f,    -0.0f, 87.5f, -87.5f, 104.0f,
                                    -104.0f, 1e4f,  -1e4f, 3e38f,  -3e38f};
    (void)input;
    return i % 7 == 3 ? special[check_random_below(10)] : check_random_float(-30.0f, 30.0f);
}

static const float eps = 1e-5f;

static void call_layer_norm(const rk__vector *kernels, float *const *out, const float *const *in,
                            size_t n) {
    kernels->layer_norm(out[0], in[0], in[1], in[2], n, eps);
}

static bounded expect_layer_norm(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output;
    double mean = 0, variance = 0;
    for (size_t j = 0; j < n; j++) mean += (double)in[0][j] / (double)n;
    for (size_t j = 0; j < n; j++) {
        variance += pow((double)in[0][j] - mean, 2) / (double)n;
    }
    const double scaled =
        ((double)in[0][i] - mean) / sqrt(variance + (double)eps) * (double)in[1][i];
    const double value = scaled + (double)in[2][i];
    return (bounded){value, unit * (2.1 * fabs(scaled) + fabs(value)) + 1e-12};
}

static void call_lerp(const rk__vector *kernels, float *const *out, const float *const *in,
                      size_t n) {
    kernels->lerp(out[0], in[0], in[1], in[2], n);
}

static bounded expect_lerp(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double mix = (double)in[2][i];
    const double now = mix * (double)in[0][i], before = (1 - mix) * (double)in[1][i];
    return (bounded){now + before, unit * 3.1 * (fabs(now) + fabs(before)) + 0x1p-148};
}

static void call_exp(const rk__vector *kernels, float *const *out, const float *const *in,
                     size_t n) {
    kernels->exp(out[0], in[0], n);
}

static bounded expect_exp(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double value = exp((double)in[0][i]);
    if (value > 0x1.fffffep127) return (bounded){INFINITY, 0};
    return (bounded){value, 1e-7 * value + 0x1p-148};
}

static void call_sigmoid(const rk__vector *kernels, float *const *out, const float *const *in,
                         size_t n) {
    kernels->sigmoid(out[0], in[0], n);
}

static bounded expect_sigmoid(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double value = 1 / (1 + exp(-(double)in[0][i]));
    return (bounded){value, 2e-7 * value + 0x1p-148};
}

static void call_squared_relu(const rk__vector *kernels, float *const *out, const float *const *in,
                              size_t n) {
    kernels->squared_relu(out[0], in[0], n);
}

// Single operations are correctly rounded: no error at all. (Rounding a double result once more is
// harmless for products and sums of floats.)
static bounded expect_squared_relu(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double x = in[0][i] > 0 ? (double)in[0][i] : 0;
    return (bounded){(double)(float)(x * x), 0};
}

static void call_multiply(const rk__vector *kernels, float *const *out, const float *const *in,
                          size_t n) {
    kernels->multiply(out[0], in[0], in[1], n);
}

static bounded expect_multiply(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    return (bounded){(double)(float)((double)in[0][i] * (double)in[1][i]), 0};
}

static void call_add(const rk__vector *kernels, float *const *out, const float *const *in,
                     size_t n) {
    kernels->add(out[0], in[0], in[1], n);
}

static bounded expect_add(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    return (bounded){(double)(float)((double)in[0][i] + (double)in[1][i]), 0};
}

static void call_shift(const rk__vector *kernels, float *const *out, const float *const *in,
                       size_t n) {
    kernels->shift(out[0], in[0], in[1], in[2], n);
}

static bounded expect_shift(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double x = (double)in[0][i];
    const double moved = (double)in[2][i] * ((double)in[1][i] - x);
    return (bounded){x + moved, unit * (2.1 * fabs(moved) + 1.1 * fabs(x + moved)) + 0x1p-148};
}

static void call_tanh(const rk__vector *kernels, float *const *out, const float *const *in,
                      size_t n) {
    kernels->tanh(out[0], in[0], n);
}

static bounded expect_tanh(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double value = tanh((double)in[0][i]);
    return (bounded){value, 2e-7 * fabs(value)};
}

static void call_silu(const rk__vector *kernels, float *const *out, const float *const *in,
                      size_t n) {
    kernels->silu(out[0], in[0], n);
}

// x may multiply a sigmoid that is denormal.
static bounded expect_silu(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double x = (double)in[0][i], value = x / (1 + exp(-x));
    return (bounded){value, unit * 8 * fabs(value) + fmin(fabs(x), 200) * 0x1p-148};
}

static void call_exp_of_negative_exp(const rk__vector *kernels, float *const *out,
                                     const float *const *in, size_t n) {
    kernels->exp_of_negative_exp(out[0], in[0], n);
}

static bounded expect_exp_of_negative_exp(size_t output, const float *const *in, size_t i,
                                          size_t n) {
    (void)output, (void)n;
    const double inner = exp((double)in[0][i]), value = exp(-inner);
    return (bounded){value, unit * (4 + 4 * fmin(inner, 1000)) * value + 0x1p-148};
}

static void call_rwkv7_decay(const rk__vector *kernels, float *const *out, const float *const *in,
                             size_t n) {
    kernels->rwkv7_decay(out[0], in[0], n);
}

static bounded expect_rwkv7_decay(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double value = exp(-0.606531 / (1 + exp(-(double)in[0][i])));
    return (bounded){value, unit * 10 * value};
}

const vector_check vector_element_checks[] = {
    {"layer_norm",
     offsetof(rk__vector, layer_norm),
     3,
     1,
     {0},
     false,
     fill_near_one,
     call_layer_norm,
     expect_layer_norm},
    {"lerp", offsetof(rk__vector, lerp), 3, 1, {0}, true, fill_near_one, call_lerp, expect_lerp},
    {"exp", offsetof(rk__vector, exp), 1, 1, {0}, true, fill_exponents, call_exp, expect_exp},
    {"sigmoid",
     offsetof(rk__vector, sigmoid),
     1,
     1,
     {0},
     true,
     fill_exponents,
     call_sigmoid,
     expect_sigmoid},
    {"squared_relu",
     offsetof(rk__vector, squared_relu),
     1,
     1,
     {0},
     true,
     fill_wide,
     call_squared_relu,
     expect_squared_relu},
    {"multiply",
     offsetof(rk__vector, multiply),
     2,
     1,
     {0},
     true,
     fill_wide,
     call_multiply,
     expect_multiply},
    {"add", offsetof(rk__vector, add), 2, 1, {0}, true, fill_wide, call_add, expect_add},
    {"shift",
     offsetof(rk__vector, shift),
     3,
     1,
     {0},
     true,
     fill_near_one,
     call_shift,
     expect_shift},
    {"tanh", offsetof(rk__vector, tanh), 1, 1, {0}, true, fill_exponents, call_tanh, expect_tanh},
    {"silu", offsetof(rk__vector, silu), 1, 1, {0}, true, fill_exponents, call_silu, expect_silu},
    {"exp_of_negative_exp",
     offsetof(rk__vector, exp_of_negative_exp),
     1,
     1,
     {0},
     true,
     fill_exponents,
     call_exp_of_negative_exp,
     expect_exp_of_negative_exp},
    {"rwkv7_decay",
     offsetof(rk__vector, rwkv7_decay),
     1,
     1,
     {0},
     true,
     fill_exponents,
     call_rwkv7_decay,
     expect_rwkv7_decay},
};
const size_t n_vector_element_checks =
    sizeof vector_element_checks / sizeof vector_element_checks[0];
