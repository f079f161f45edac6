// Rounding activations to 8 bits: the scalar kernel against the definition, others against its
// bits.
#include <math.h>
#include <string.h>

#include "check.h"

enum {
    MAX_TOKENS = 3,
    MAX_COLUMNS = 12 * RK__Q8_BLOCK,
    MAX_VALUES = MAX_TOKENS * MAX_COLUMNS,
    MAX_BLOCKS = MAX_VALUES / RK__Q8_BLOCK,
};

typedef enum fill {
    FILL_RANDOM,
    FILL_ZEROS,
    FILL_TIES,       // x * 127 / max|x| lies exactly between two whole numbers
    FILL_EXTREMES,   // many powers of ten in a block, up to FLT_MAX
    FILL_TINY,       // around the least magnitude that counts, and denormals
    FILL_NOT_FINITE, // a NaN or an infinity somewhere
    FILL_COUNT
} fill;

static float fill_value(fill kind, size_t i) {
    switch (kind) {
    case FILL_RANDOM:
        return check_random_float(-3.0f, 3.0f);
    case FILL_ZEROS:
        return i % 3 == 0 ? -0.0f : 0.0f;
    case FILL_TIES:
        return i % RK__Q8_BLOCK == 5 ? 127.0f : (float)check_random_below(127) - 63.5f;
    case FILL_EXTREMES:
        return ldexpf(check_random_float(-1.999f, 1.999f), (int)check_random_below(255) - 127);
    case FILL_TINY:
        return ldexpf(check_random_float(-1, 1),
                      -119 - (int)check_random_below(i / RK__Q8_BLOCK % 30 + 1));
    default:
        return check_random_float(-1.0f, 1.0f);
    }
}

static void fill_values(fill kind, float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = fill_value(kind, i);
    if (kind != FILL_NOT_FINITE) return;
    const float specials[] = {NAN, -NAN, INFINITY, -INFINITY};
    x[check_random_below(n)] = specials[check_random_below(4)];
}

// The outputs of one kernel.
typedef struct outputs {
    guarded q, scale, qsum;
} outputs;

static outputs outputs_new(size_t n_values, size_t misalignment) {
    const size_t n_blocks = n_values / RK__Q8_BLOCK;
    return (outputs){
        .q = guarded_new(n_values, misalignment),
        .scale = guarded_new(n_blocks * sizeof(float), 4 * misalignment),
        .qsum = guarded_new(n_blocks * sizeof(int32_t), 4 * misalignment),
    };
}

static void outputs_free(outputs *out) {
    guarded_free(&out->q);
    guarded_free(&out->scale);
    guarded_free(&out->qsum);
}

static void run(rk__quantize_activations kernel, outputs *out, const float *x, size_t n_tokens,
                size_t columns) {
    kernel((int8_t *)out->q.data, (float *)(void *)out->scale.data,
           (int32_t *)(void *)out->qsum.data, x, n_tokens, columns);
    if (!guarded_intact(&out->q) || !guarded_intact(&out->scale) || !guarded_intact(&out->qsum)) {
        check_fail("wrote outside of its outputs, %zu tokens x %zu columns", n_tokens, columns);
    }
}

// One block against the words of kernels/product.h.
static void check_block(const float *x, const int8_t *q, float scale, int32_t qsum) {
    float top = 0.0f;
    bool finite = true;
    int32_t sum = 0;
    for (size_t i = 0; i < RK__Q8_BLOCK; i++) {
        finite = finite && isfinite(x[i]);
        top = fmaxf(top, fabsf(x[i]));
        sum += q[i];
    }
    const bool zeros = !finite || top < 0x1p-120f;
    const float expected = !finite ? NAN : zeros ? 0.0f : top / 127.0f;
    if (!(scale == expected) && !(isnan(scale) && isnan(expected))) {
        check_fail("scale %a, expected %a", (double)scale, (double)expected);
    }
    if (sum != qsum) check_fail("qsum %d, the sum is %d", qsum, sum);
    const float inverse = 127.0f / top;
    for (size_t i = 0; i < RK__Q8_BLOCK; i++) {
        const double nearest = zeros ? 0.0 : rint((double)(x[i] * inverse));
        if (!((double)q[i] == nearest)) {
            check_fail("q %d of %a, max %a: expected %g", q[i], (double)x[i], (double)top, nearest);
        }
    }
}

static void check_definition(const outputs *out, const float *x, size_t n_blocks) {
    for (size_t b = 0; b < n_blocks; b++) {
        float scale;
        int32_t qsum;
        memcpy(&scale, out->scale.data + b * sizeof scale, sizeof scale);
        memcpy(&qsum, out->qsum.data + b * sizeof qsum, sizeof qsum);
        check_block(x + b * RK__Q8_BLOCK, (const int8_t *)out->q.data + b * RK__Q8_BLOCK, scale,
                    qsum);
    }
}

static void check_case(const check_level *level, fill kind, size_t n_tokens, size_t columns,
                       size_t misalignment) {
    static float values[MAX_VALUES + 1];
    float *const x = values + misalignment; // not aligned to a vector
    const size_t n = n_tokens * columns;
    fill_values(kind, x, n);
    outputs expected = outputs_new(n, 0), out = outputs_new(n, misalignment);
    run(level->scalar.quantize_activations, &expected, x, n_tokens, columns);
    run(level->tested.quantize_activations, &out, x, n_tokens, columns);
    check_definition(&out, x, n / RK__Q8_BLOCK);
    if (!check_same_bits(out.q.data, expected.q.data, out.q.size) ||
        !check_same_bits(out.scale.data, expected.scale.data, out.scale.size) ||
        !check_same_bits(out.qsum.data, expected.qsum.data, out.qsum.size)) {
        check_fail("not the scalar bits, kind %d, %zu tokens x %zu columns", kind, n_tokens,
                   columns);
    }
    outputs_free(&expected);
    outputs_free(&out);
}

void check_activations(const check_level *level) {
    if (level->tested.quantize_activations == level->below.quantize_activations) return;
    if (!check_begin("quantize_activations")) return;
    for (fill kind = 0; kind < FILL_COUNT; kind++) {
        for (size_t n_tokens = 1; n_tokens <= MAX_TOKENS; n_tokens++) {
            for (size_t columns = RK__Q8_BLOCK; columns <= MAX_COLUMNS; columns += RK__Q8_BLOCK) {
                check_case(level, kind, n_tokens, columns, n_tokens % 2);
            }
        }
    }
    check_end();
}
