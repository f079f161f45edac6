// Vector functions on [n] arrays: each against a double-precision reference, at all lengths,
// unaligned and in place; those of higher levels against the scalar ones as well.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum {
    SHORT_LENGTHS = 70, // all of them up to here
    MAX_LENGTH = 1000,
    MAX_INPUTS = 7,
    MAX_OUTPUTS = 4,
};

// Half a unit in the last place of 1: what one rounding may do, relative to the result.
static const double unit = 0x1p-24;

// What a kernel should give for one element, and how far it may be off.
typedef struct bounded {
    double value, limit;
} bounded;

// One vector function: its arrays, how it is called, what it should give.
typedef struct vector_check {
    const char *name;
    size_t offset; // of its pointer in rk__vector
    size_t n_inputs, n_outputs;
    size_t starts_as[MAX_OUTPUTS]; // 1 + the input that an output updates; 0: it is only written
    float (*fill)(size_t input, size_t i);
    void (*call)(const rk__vector *kernels, float *const *out, const float *const *in, size_t n);
    bounded (*expect)(size_t output, const float *const *in, size_t i, size_t n);
} vector_check;

// ---- the functions

static float fill_near_one(size_t input, size_t i) {
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

static void call_sigmoid(const rk__vector *kernels, float *const *out, const float *const *in,
                         size_t n) {
    kernels->sigmoid(out[0], in[0], n);
}

static bounded expect_sigmoid(size_t output, const float *const *in, size_t i, size_t n) {
    (void)output, (void)n;
    const double value = 1 / (1 + exp(-(double)in[0][i]));
    return (bounded){value, unit * 6 * value + 0x1p-148};
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
    return (bounded){value, unit * 6 * fabs(value)};
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

// The inputs of wkv4; the outputs are wkv, aa, bb, pp.
enum { K, V, U, W, AA, BB, PP };

// Every ninth channel is as it is at the beginning of a text; others have far apart exponents.
static float fill_wkv4(size_t input, size_t i) {
    const bool empty = i % 9 == 4;
    switch (input) {
    case W:
        return check_random_float(-20.0f, -1e-4f);
    case AA:
        return empty ? 0.0f : check_random_float(-50.0f, 50.0f);
    case BB:
        return empty ? 0.0f : check_random_float(0.1f, 50.0f);
    case PP:
        return empty ? -1e38f : check_random_float(-60.0f, 60.0f);
    case K:
        return check_random_float(-60.0f, 60.0f);
    default:
        return check_random_float(-3.0f, 3.0f);
    }
}

static void call_wkv4(const rk__vector *kernels, float *const *out, const float *const *in,
                      size_t n) {
    kernels->wkv4(out[0], out[1], out[2], out[3], in[K], in[V], in[U], in[W], n);
}

// An exponent that is a difference of floats is off by a rounding of its terms, and so is its
// exponential, relatively.
static bounded expect_wkv4(size_t output, const float *const *in, size_t i, size_t n) {
    (void)n;
    const double k = (double)in[K][i], v = (double)in[V][i], now = (double)in[U][i] + k;
    const double aa = (double)in[AA][i], bb = (double)in[BB][i], pp = (double)in[PP][i];
    const double decayed = pp + (double)in[W][i];
    const double q = fmax(pp, now), next = fmax(decayed, k);
    const double past = exp(pp - q), present = exp(now - q);
    const double kept = exp(decayed - next), added = exp(k - next);
    const double roundings = unit * (12 + 4 * (fmin(fabs(pp), 100) + fabs(k) + 25));
    const double below = past * bb + present;
    const double spread = (past * fabs(aa) + present * fabs(v)) / below;
    switch (output) {
    case 0:
        return (bounded){(past * aa + present * v) / below, roundings * 2 * spread};
    case 1:
        return (bounded){kept * aa + added * v, roundings * (kept * fabs(aa) + added * fabs(v))};
    case 2:
        return (bounded){kept * bb + added, roundings * (kept * bb + added)};
    default:
        return (bounded){next, unit * fabs(next)};
    }
}

static const vector_check checks[] = {
    {"layer_norm",
     offsetof(rk__vector, layer_norm),
     3,
     1,
     {0},
     fill_near_one,
     call_layer_norm,
     expect_layer_norm},
    {"lerp", offsetof(rk__vector, lerp), 3, 1, {0}, fill_near_one, call_lerp, expect_lerp},
    {"sigmoid",
     offsetof(rk__vector, sigmoid),
     1,
     1,
     {0},
     fill_exponents,
     call_sigmoid,
     expect_sigmoid},
    {"squared_relu",
     offsetof(rk__vector, squared_relu),
     1,
     1,
     {0},
     fill_wide,
     call_squared_relu,
     expect_squared_relu},
    {"multiply",
     offsetof(rk__vector, multiply),
     2,
     1,
     {0},
     fill_wide,
     call_multiply,
     expect_multiply},
    {"add", offsetof(rk__vector, add), 2, 1, {0}, fill_wide, call_add, expect_add},
    {"shift", offsetof(rk__vector, shift), 3, 1, {0}, fill_near_one, call_shift, expect_shift},
    {"tanh", offsetof(rk__vector, tanh), 1, 1, {0}, fill_exponents, call_tanh, expect_tanh},
    {"silu", offsetof(rk__vector, silu), 1, 1, {0}, fill_exponents, call_silu, expect_silu},
    {"exp_of_negative_exp",
     offsetof(rk__vector, exp_of_negative_exp),
     1,
     1,
     {0},
     fill_exponents,
     call_exp_of_negative_exp,
     expect_exp_of_negative_exp},
    {"rwkv7_decay",
     offsetof(rk__vector, rwkv7_decay),
     1,
     1,
     {0},
     fill_exponents,
     call_rwkv7_decay,
     expect_rwkv7_decay},
    {"wkv4",
     offsetof(rk__vector, wkv4),
     7,
     4,
     {0, 1 + AA, 1 + BB, 1 + PP},
     fill_wkv4,
     call_wkv4,
     expect_wkv4},
};

// ---- running them

typedef struct arrays {
    float values[MAX_INPUTS][MAX_LENGTH + 1];
    const float *in[MAX_INPUTS];
    guarded out[MAX_OUTPUTS];
} arrays;

static void arrays_init(arrays *a, const vector_check *check, size_t n, size_t misalignment) {
    for (size_t j = 0; j < check->n_inputs; j++) {
        for (size_t i = 0; i < n; i++) a->values[j][misalignment + i] = check->fill(j, i);
        a->in[j] = a->values[j] + misalignment;
    }
    for (size_t j = 0; j < check->n_outputs; j++) {
        a->out[j] = guarded_new(n * sizeof(float), 4 * (misalignment + j));
    }
}

static void arrays_fini(arrays *a, const vector_check *check) {
    for (size_t j = 0; j < check->n_outputs; j++) guarded_free(&a->out[j]);
}

// Calls a kernel with fresh outputs. in_place: the first output is the first input.
static void call(const vector_check *check, const rk__vector *kernels, arrays *a, size_t n,
                 bool in_place) {
    const float *in[MAX_INPUTS];
    float *out[MAX_OUTPUTS];
    memcpy(in, a->in, sizeof in);
    for (size_t j = 0; j < check->n_outputs; j++) {
        guarded_clear(&a->out[j]);
        out[j] = (float *)(void *)a->out[j].data;
        const size_t input = check->starts_as[j];
        if (input != 0) memcpy(out[j], a->in[input - 1], n * sizeof(float));
    }
    if (in_place) {
        float *const first = (float *)(void *)a->out[0].data;
        memcpy(first, in[0], n * sizeof(float));
        in[0] = first;
    }
    check->call(kernels, out, in, n);
    for (size_t j = 0; j < check->n_outputs; j++) {
        if (guarded_intact(&a->out[j])) continue;
        check_fail("wrote outside of output %zu, length %zu", j, n);
    }
}

// Against the reference, and against the scalar kernel's results.
static void compare(const vector_check *check, const arrays *a, const arrays *scalar, size_t n) {
    for (size_t j = 0; j < check->n_outputs; j++) {
        const float *const out = (const float *)(const void *)a->out[j].data;
        const float *const expected = (const float *)(const void *)scalar->out[j].data;
        for (size_t i = 0; i < n; i++) {
            const bounded b = check->expect(j, a->in, i, n);
            if (!check_near(out[i], b.value, b.limit)) {
                check_fail("output %zu[%zu] of %zu: %.9g, expected %.9g +- %.2g", j, i, n,
                           (double)out[i], b.value, b.limit);
            }
            if (!check_near(out[i], (double)expected[i], 2 * b.limit)) {
                check_fail("output %zu[%zu] of %zu: %.9g, scalar %.9g", j, i, n, (double)out[i],
                           (double)expected[i]);
            }
        }
    }
}

static void check_length(const vector_check *check, const check_level *level, size_t n,
                         size_t misalignment) {
    static arrays a, scalar;
    arrays_init(&a, check, n, misalignment);
    scalar = a;
    for (size_t j = 0; j < check->n_outputs; j++) scalar.out[j] = guarded_new(n * sizeof(float), 0);
    call(check, &level->scalar.vector, &scalar, n, false);
    call(check, &level->tested.vector, &a, n, false);
    compare(check, &a, &scalar, n);

    static float separate[MAX_LENGTH];
    memcpy(separate, a.out[0].data, n * sizeof(float));
    call(check, &level->tested.vector, &a, n, true);
    if (!check_same_bits(separate, a.out[0].data, n * sizeof(float)))
        check_fail("other results in place, length %zu", n);
    arrays_fini(&a, check);
    arrays_fini(&scalar, check);
}

static bool changed(const vector_check *check, const check_level *level) {
    const char *const tested = (const char *)&level->tested.vector + check->offset;
    const char *const below = (const char *)&level->below.vector + check->offset;
    return memcmp(tested, below, sizeof(void (*)(void))) != 0;
}

size_t check_vectors(const check_level *level) {
    const size_t n_checks = sizeof checks / sizeof checks[0];
    for (size_t i = 0; i < n_checks; i++) {
        if (!changed(&checks[i], level) || !check_begin(checks[i].name)) continue;
        for (size_t n = 1; n <= SHORT_LENGTHS; n++) check_length(&checks[i], level, n, n % 2);
        check_length(&checks[i], level, 768, 0);
        check_length(&checks[i], level, MAX_LENGTH - 1, 1);
        check_end();
    }
    return n_checks;
}
