// The recurrences with matrix states, one head at a time: outputs and state against a
// double-precision reference.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum {
    MAX_HEAD = 64,
    MAX_INPUTS = 6,
};

static const double unit = 0x1p-24; // one rounding, relative to the result

// One head: inputs of n channels, the state before, and what comes out.
typedef struct head {
    size_t n;
    float in[MAX_INPUTS][MAX_HEAD + 1];
    float before[MAX_HEAD * MAX_HEAD];
    guarded y, state;
} head;

typedef struct recurrence {
    const char *name;
    size_t offset; // of its pointer in rk__vector
    void (*call)(const rk__vector *kernels, float *y, float *state, const float *const *in,
                 size_t n);
    // Fills y and state with the values, and the errors they may have.
    void (*expect)(const head *h, const float *const *in, double *y, double *y_limit, double *state,
                   double *state_limit);
} recurrence;

// ---- RWKV-5 and 6

enum { R6, K6, V6, U6, W6 };

static void call_wkv6(const rk__vector *kernels, float *y, float *state, const float *const *in,
                      size_t n) {
    kernels->wkv6(y, state, in[R6], in[K6], in[V6], in[U6], in[W6], n);
}

static void expect_wkv6(const head *h, const float *const *in, double *y, double *y_limit,
                        double *state, double *state_limit) {
    const size_t n = h->n;
    for (size_t j = 0; j < n; j++) {
        double sum = 0, magnitude = 0;
        for (size_t i = 0; i < n; i++) {
            const double s = (double)h->before[i * n + j], r = (double)in[R6][i],
                         w = (double)in[W6][i];
            const double kv = (double)in[K6][i] * (double)in[V6][j], u = (double)in[U6][i];
            sum += r * (s + u * kv);
            magnitude += fabs(r) * (fabs(s) + fabs(u * kv));
            state[i * n + j] = w * s + kv;
            state_limit[i * n + j] = unit * 2.1 * (fabs(w * s) + fabs(kv));
        }
        y[j] = sum;
        y_limit[j] = unit * ((double)n + 4) * magnitude;
    }
}

// ---- RWKV-7

enum { R7, W7, K7, V7, REMOVED7, RATE7 };

static void call_wkv7(const rk__vector *kernels, float *y, float *state, const float *const *in,
                      size_t n) {
    kernels->wkv7(y, state, in[R7], in[W7], in[K7], in[V7], in[REMOVED7], in[RATE7], n);
}

static void expect_wkv7(const head *h, const float *const *in, double *y, double *y_limit,
                        double *state, double *state_limit) {
    const size_t n = h->n;
    for (size_t i = 0; i < n; i++) {
        double old = 0, old_magnitude = 0;
        for (size_t j = 0; j < n; j++) {
            const double term = (double)h->before[i * n + j] * (double)in[REMOVED7][j];
            old += term;
            old_magnitude += fabs(term);
        }
        y[i] = y_limit[i] = 0;
        for (size_t j = 0; j < n; j++) {
            const double kept = (double)h->before[i * n + j] * (double)in[W7][j];
            const double factor = (double)in[REMOVED7][j] * (double)in[RATE7][j];
            const double added = (double)in[V7][i] * (double)in[K7][j], r = (double)in[R7][j];
            const double magnitude = fabs(kept) + old_magnitude * fabs(factor) + fabs(added);
            state[i * n + j] = kept - old * factor + added;
            state_limit[i * n + j] =
                unit * ((double)n * old_magnitude * fabs(factor) + 5 * magnitude);
            y[i] += state[i * n + j] * r;
            y_limit[i] += (state_limit[i * n + j] + unit * ((double)n + 1) * magnitude) * fabs(r);
        }
    }
}

static const recurrence recurrences[] = {
    {"wkv6", offsetof(rk__vector, wkv6), call_wkv6, expect_wkv6},
    {"wkv7", offsetof(rk__vector, wkv7), call_wkv7, expect_wkv7},
};

// ---- running them

static float *floats(const guarded *array) {
    return (float *)(void *)array->data;
}

static void call(const recurrence *kernel, const rk__vector *kernels, head *h,
                 const float *const *in, size_t misalignment) {
    h->y = guarded_new(h->n * sizeof(float), 4 * misalignment);
    h->state = guarded_new(h->n * h->n * sizeof(float), 4 * misalignment);
    memcpy(h->state.data, h->before, h->state.size);
    kernel->call(kernels, floats(&h->y), floats(&h->state), in, h->n);
    if (!guarded_intact(&h->y) || !guarded_intact(&h->state))
        check_fail("wrote outside of its outputs, %zu channels", h->n);
}

static void compare(const char *what, const float *values, const float *scalar,
                    const double *expected, const double *limit, size_t n, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!check_near(values[i], expected[i], limit[i])) {
            check_fail("%s[%zu], %zu channels: %.9g, expected %.9g +- %.2g", what, i, n,
                       (double)values[i], expected[i], limit[i]);
        }
        if (!check_near(values[i], (double)scalar[i], 2 * limit[i])) {
            check_fail("%s[%zu], %zu channels: %.9g, scalar %.9g", what, i, n, (double)values[i],
                       (double)scalar[i]);
        }
    }
}

static void check_head(const recurrence *kernel, const check_level *level, size_t n,
                       size_t misalignment, bool empty) {
    static head h, scalar;
    static double y[MAX_HEAD], y_limit[MAX_HEAD], state[MAX_HEAD * MAX_HEAD],
        state_limit[MAX_HEAD * MAX_HEAD];
    const float *in[MAX_INPUTS];
    h.n = n;
    for (size_t j = 0; j < MAX_INPUTS; j++) {
        in[j] = h.in[j] + misalignment;
        for (size_t i = 0; i < n; i++) h.in[j][misalignment + i] = check_random_float(-1.5f, 1.5f);
    }
    for (size_t i = 0; i < n * n; i++) h.before[i] = empty ? 0.0f : check_random_float(-4.0f, 4.0f);
    scalar = h;
    call(kernel, &level->scalar.vector, &scalar, in, 0);
    call(kernel, &level->tested.vector, &h, in, misalignment);
    kernel->expect(&h, in, y, y_limit, state, state_limit);
    compare("y", floats(&h.y), floats(&scalar.y), y, y_limit, n, n);
    compare("state", floats(&h.state), floats(&scalar.state), state, state_limit, n, n * n);
    guarded_free(&h.y);
    guarded_free(&h.state);
    guarded_free(&scalar.y);
    guarded_free(&scalar.state);
}

static bool changed(const recurrence *kernel, const check_level *level) {
    const char *const tested = (const char *)&level->tested.vector + kernel->offset;
    const char *const below = (const char *)&level->below.vector + kernel->offset;
    return memcmp(tested, below, sizeof(void (*)(void))) != 0;
}

size_t check_recurrences(const check_level *level) {
    const size_t n_checks = sizeof recurrences / sizeof recurrences[0];
    for (size_t i = 0; i < n_checks; i++) {
        if (!changed(&recurrences[i], level) || !check_begin(recurrences[i].name)) continue;
        for (size_t n = 1; n <= MAX_HEAD; n++)
            check_head(&recurrences[i], level, n, n % 2, n % 10 == 0);
        check_end();
    }
    return n_checks;
}
