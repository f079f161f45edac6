// Functions of one float over all of their range: a sample of all bit patterns, denormals,
// infinities and NaN among them. Errors are held against the bounds that kernels/elementary.h
// states, and every level has to give the bits of the scalar one.
#include <math.h>
#include <string.h>

#include "check.h"

enum {
    BATCH = 1024,   // values a call
    STEP = 4099,    // from one bit pattern to the next: about a million patterns, all exponents
    N_SPECIAL = 14, // values that must be among them
    N_BATCHES = (int)((UINT64_C(1) << 32) / STEP / BATCH),
};

typedef void (*kernel)(float *out, const float *x, size_t n);

typedef struct elementary {
    const char *name;
    kernel (*get)(const rk__vector *vector);
    double (*expect)(double x);
    double relative; // error where the result is a normal number
} elementary;

static kernel get_exp(const rk__vector *vector) {
    return vector->exp;
}

static kernel get_sigmoid(const rk__vector *vector) {
    return vector->sigmoid;
}

static kernel get_tanh(const rk__vector *vector) {
    return vector->tanh;
}

static kernel get_rwkv7_decay(const rk__vector *vector) {
    return vector->rwkv7_decay;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double decay(double x) {
    return exp(-0.606531 * sigmoid(x));
}

static const elementary functions[] = {
    {"exp (all floats)", get_exp, exp, 1e-7},
    {"sigmoid (all floats)", get_sigmoid, sigmoid, 2e-7},
    {"tanh (all floats)", get_tanh, tanh, 2e-7},
    {"rwkv7_decay (all floats)", get_rwkv7_decay, decay, 4e-7},
};

// What the float nearest to it may be off by: more than the largest float is infinity.
static bool is_close(float value, double expected, double relative) {
    const double largest = 0x1.fffffep127, least_normal = 0x1p-126, denormal_unit = 0x1p-149;
    if (isinf(value)) return fabs(expected) * (1 + relative) > largest && value * expected > 0;
    if (fabs(expected) > largest) return fabs((double)value) >= largest * (1 - relative);
    if (fabs(expected) < least_normal) return check_near(value, expected, denormal_unit);
    return check_near(value, expected, relative * fabs(expected));
}

static void check_batch(const elementary *function, const check_level *level,
                        const float x[BATCH]) {
    float tested[BATCH], scalar[BATCH];
    function->get (&level->tested.vector)(tested, x, BATCH);
    function->get (&level->scalar.vector)(scalar, x, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        const double expected = function->expect((double)x[i]);
        const bool both_nan = isnan(tested[i]) && isnan(scalar[i]);
        if (isnan(expected) ? !both_nan : !is_close(tested[i], expected, function->relative)) {
            check_fail("of %.9g: %.9g, expected %.9g", (double)x[i], (double)tested[i], expected);
        }
        if (!both_nan && !check_same_bits(&tested[i], &scalar[i], sizeof tested[i])) {
            check_fail("of %.9g: %.9g, scalar %.9g", (double)x[i], (double)tested[i],
                       (double)scalar[i]);
        }
    }
}

static void fill_special(float x[N_SPECIAL]) {
    const float values[N_SPECIAL] = {
        0.0f,      -0.0f,     INFINITY,        -INFINITY,       NAN,
        -NAN,      0x1p-149f, -0x1p-149f,      88.7228f,        88.7229f,
        -87.3365f, -103.972f, 0x1.fffffep127f, -0x1.fffffep127f};
    memcpy(x, values, sizeof values);
}

static void check_range(const elementary *function, const check_level *level) {
    uint32_t bits = check_random();
    for (int batch = 0; batch < N_BATCHES; batch++) {
        float x[BATCH];
        for (size_t i = 0; i < BATCH; i++, bits += STEP) memcpy(&x[i], &bits, sizeof x[i]);
        if (batch == 0) fill_special(x);
        check_batch(function, level, x);
    }
}

void check_elementary(const check_level *level) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const elementary *function = &functions[i];
        const bool changed =
            function->get(&level->tested.vector) != function->get(&level->below.vector);
        if (!changed || !check_begin(function->name)) continue;
        check_range(function, level);
        check_end();
    }
}
