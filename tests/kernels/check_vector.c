// Vector functions on [n] arrays: each against a double-precision reference, at all lengths,
// unaligned and in place; those of higher levels against the scalar ones as well.
#include <stdlib.h>
#include <string.h>

#include "vector_checks.h"

enum {
    SHORT_LENGTHS = 70, // all of them up to here
    MAX_LENGTH = 1000,
};

typedef struct arrays {
    float values[VECTOR_MAX_INPUTS][MAX_LENGTH + 1];
    const float *in[VECTOR_MAX_INPUTS];
    guarded out[VECTOR_MAX_OUTPUTS];
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
    const float *in[VECTOR_MAX_INPUTS];
    float *out[VECTOR_MAX_OUTPUTS];
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
            const bool agrees = check->same_bits
                                    ? check_same_bits(&out[i], &expected[i], sizeof out[i])
                                    : check_near(out[i], (double)expected[i], 2 * b.limit);
            if (!agrees) {
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

static void check_table(const vector_check *checks, size_t n_checks, const check_level *level) {
    for (size_t i = 0; i < n_checks; i++) {
        if (!changed(&checks[i], level) || !check_begin(checks[i].name)) continue;
        for (size_t n = 1; n <= SHORT_LENGTHS; n++) check_length(&checks[i], level, n, n % 2);
        check_length(&checks[i], level, 768, 0);
        check_length(&checks[i], level, MAX_LENGTH - 1, 1);
        check_end();
    }
}

size_t check_vectors(const check_level *level) {
    check_table(vector_element_checks, n_vector_element_checks, level);
    check_table(vector_rwkv_checks, n_vector_rwkv_checks, level);
    return n_vector_element_checks + n_vector_rwkv_checks;
}
