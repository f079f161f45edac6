// One row a function: how it is called, and the bytes that it touches.
#include "vector_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "cli/messages.h"

enum { N = VECTOR_CHANNELS, HEAD = VECTOR_HEAD, ROUNDS = 32 };

// Array i of a run. Array 0 is the output.
static float *at(const vector_run *run, size_t i) {
    return run->arrays[i];
}

static void call_layer_norm(const vector_run *r) {
    r->kernels->vector.layer_norm(at(r, 0), at(r, 1), at(r, 2), at(r, 3), N, 1e-5F);
}

static void call_lerp(const vector_run *r) {
    r->kernels->vector.lerp(at(r, 0), at(r, 1), at(r, 2), at(r, 3), N);
}

static void call_shift(const vector_run *r) {
    r->kernels->vector.shift(at(r, 0), at(r, 1), at(r, 2), at(r, 3), N);
}

static void call_add(const vector_run *r) {
    r->kernels->vector.add(at(r, 0), at(r, 1), at(r, 2), N);
}

static void call_multiply(const vector_run *r) {
    r->kernels->vector.multiply(at(r, 0), at(r, 1), at(r, 2), N);
}

static void call_exp(const vector_run *r) {
    r->kernels->vector.exp(at(r, 0), at(r, 1), N);
}

static void call_sigmoid(const vector_run *r) {
    r->kernels->vector.sigmoid(at(r, 0), at(r, 1), N);
}

static void call_tanh(const vector_run *r) {
    r->kernels->vector.tanh(at(r, 0), at(r, 1), N);
}

static void call_silu(const vector_run *r) {
    r->kernels->vector.silu(at(r, 0), at(r, 1), N);
}

static void call_squared_relu(const vector_run *r) {
    r->kernels->vector.squared_relu(at(r, 0), at(r, 1), N);
}

static void call_exp_of_negative_exp(const vector_run *r) {
    r->kernels->vector.exp_of_negative_exp(at(r, 0), at(r, 1), N);
}

static void call_rwkv7_decay(const vector_run *r) {
    r->kernels->vector.rwkv7_decay(at(r, 0), at(r, 1), N);
}

static void call_wkv4(const vector_run *r) {
    r->kernels->vector.wkv4(at(r, 0), at(r, 1), at(r, 2), at(r, 3), at(r, 4), at(r, 5), at(r, 6),
                            at(r, 7), N);
}

static void call_wkv6(const vector_run *r) {
    r->kernels->vector.wkv6(at(r, 0), r->state, at(r, 1), at(r, 2), at(r, 3), at(r, 4), at(r, 5),
                            HEAD);
}

static void call_wkv7(const vector_run *r) {
    r->kernels->vector.wkv7(at(r, 0), r->state, at(r, 1), at(r, 2), at(r, 3), at(r, 4), at(r, 5),
                            at(r, 6), HEAD);
}

static void call_quantize_activations(const vector_run *r) {
    r->kernels->quantize_activations(r->q, at(r, 0), r->qsum, at(r, 1), 1, N);
}

static const struct {
    const char *name;
    void (*call)(const vector_run *run);
    size_t bytes; // read and written by one call
} functions[] = {
    {"quantize_activations", call_quantize_activations, 5 * N + N / 4},
    {"layer_norm", call_layer_norm, 16 * N},
    {"lerp", call_lerp, 16 * N},
    {"shift", call_shift, 16 * N},
    {"add", call_add, 12 * N},
    {"multiply", call_multiply, 12 * N},
    {"squared_relu", call_squared_relu, 8 * N},
    {"exp", call_exp, 8 * N},
    {"sigmoid", call_sigmoid, 8 * N},
    {"tanh", call_tanh, 8 * N},
    {"silu", call_silu, 8 * N},
    {"exp_of_negative_exp", call_exp_of_negative_exp, 8 * N},
    {"rwkv7_decay", call_rwkv7_decay, 8 * N},
    {"wkv4", call_wkv4, 44 * N},
    {"wkv6", call_wkv6, 8 * HEAD *HEAD + 24 * HEAD},
    {"wkv7", call_wkv7, 8 * HEAD *HEAD + 28 * HEAD},
};

size_t vector_function_count(void) {
    return sizeof functions / sizeof functions[0];
}

const char *vector_function_name(size_t function) {
    return functions[function].name;
}

static void *allocate(size_t count, size_t size) {
    void *memory;
    rk_error err;
    if (rk__alloc_aligned(&memory, count, size, &err) != RK_OK) exit(cli_failure(&err));
    return memory;
}

// Values in (-1/8, 0): decays and rates that keep every recurrence's state small.
void vector_run_init(vector_run *run, const rk__kernels *kernels, size_t function) {
    *run = (vector_run){.kernels = kernels, .function = function};
    rk__random random = {.seed = function};
    for (size_t i = 0; i < VECTOR_ARRAYS; i++) {
        run->arrays[i] = allocate(N, sizeof(float));
        for (size_t j = 0; j < N; j++)
            run->arrays[i][j] = -0.125F * (float)rk__random_uniform(&random);
    }
    run->state = allocate((size_t)HEAD * HEAD, sizeof *run->state);
    memset(run->state, 0, (size_t)HEAD * HEAD * sizeof *run->state);
    run->q = allocate(N, sizeof *run->q);
    run->qsum = allocate(N, sizeof *run->qsum);
}

void vector_run_fini(vector_run *run) {
    for (size_t i = 0; i < VECTOR_ARRAYS; i++) rk__free(run->arrays[i]);
    rk__free(run->state);
    rk__free(run->q);
    rk__free(run->qsum);
    *run = (vector_run){0};
}

static double run_vector(void *argument) {
    const vector_run *const run = argument;
    for (size_t i = 0; i < ROUNDS; i++) functions[run->function].call(run);
    return (double)(ROUNDS * functions[run->function].bytes);
}

bench_work vector_work(vector_run *run) {
    return (bench_work){run_vector, run};
}
