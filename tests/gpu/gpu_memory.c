// Memory, numbers, comparing.
#include "gpu_memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu_check.h"

cudaStream_t gpu_stream;
rk__kernels gpu_cpu;
static uint64_t random_state;

void gpu_memory_begin(uint64_t seed) {
    random_state = seed;
    printf("seed %llu\n", (unsigned long long)seed);
    rk__kernels_init(&gpu_cpu, RK__ISA_SCALAR);
    gpu_require(cudaStreamCreateWithFlags(&gpu_stream, cudaStreamNonBlocking), "a stream");
}

void gpu_memory_end(void) {
    gpu_require(cudaStreamDestroy(gpu_stream), "a stream");
}

// ---- memory and numbers

void gpu_require(unsigned code, const char *what) {
    if (code == 0) return;
    printf("FAILED: %s: CUDA error %u\n", what, code);
    exit(EXIT_FAILURE);
}

// What is on the device, freed together after each kernel.
enum { MOST_PIECES = 256 };
static void *pieces[MOST_PIECES];
static size_t n_pieces;

void *gpu_new(size_t bytes) {
    if (n_pieces == MOST_PIECES) abort();
    gpu_require(cudaMalloc(&pieces[n_pieces], bytes == 0 ? 4 : bytes), "cudaMalloc");
    return pieces[n_pieces++];
}

void *gpu_of(const void *bytes, size_t size) {
    void *on_device = gpu_new(size);
    gpu_require(cudaMemcpy(on_device, bytes, size, cudaMemcpyHostToDevice), "cudaMemcpy");
    return on_device;
}

void gpu_free_all(void) {
    for (size_t i = 0; i < n_pieces; i++) gpu_require(cudaFree(pieces[i]), "cudaFree");
    n_pieces = 0;
}

void *gpu_host_new(size_t n, size_t size) {
    void *memory = calloc(n == 0 ? 1 : n, size);
    if (memory == NULL) abort();
    return memory;
}

void *gpu_host_of(const void *on_device, size_t n, size_t size) {
    void *memory = gpu_host_new(n, size);
    gpu_require(cudaStreamSynchronize(gpu_stream), "a kernel");
    gpu_require(cudaMemcpy(memory, on_device, n * size, cudaMemcpyDeviceToHost), "cudaMemcpy");
    return memory;
}

float gpu_uniform(float low, float high) {
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return low + (high - low) * (float)(random_state >> 40) / 16777216.0F;
}

// On the host; device_floats has the same on the device.
float *gpu_floats(size_t n, float low, float high) {
    float *values = gpu_host_new(n, sizeof *values);
    for (size_t i = 0; i < n; i++) values[i] = gpu_uniform(low, high);
    return values;
}

float *gpu_of_floats(const float *values, size_t n) {
    return gpu_of(values, n * sizeof *values);
}

static double distance(const float *a, const float *b, size_t n) {
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double apart = fabs((double)a[i] - (double)b[i]);
        if (!(apart <= worst)) worst = isnan(apart) ? INFINITY : apart;
    }
    return worst;
}

void gpu_expect_near(const float *device, const float *wanted, size_t n, double limit,
                     const char *what) {
    float *found = gpu_host_of(device, n, sizeof *found);
    const double worst = distance(found, wanted, n);
    gpu_expect(worst <= limit, "%s: off by %g, at most %g", what, worst, limit);
    free(found);
}

// ---- tokens

const int32_t gpu_token_sequence[GPU_TOKENS] = {2, 0, 0, 0, 0, 1, 1};
const int32_t gpu_token_first[GPU_TOKENS] = {0, 1, 1, 1, 1, 5, 5};
static const int32_t gpu_token_last[GPU_TOKENS] = {0, 4, 4, 4, 4, 6, 6};
const int32_t gpu_span_sequence[GPU_SPANS] = {2, 0, 1};
const int32_t gpu_span_first[GPU_SPANS] = {0, 1, 5};
const int32_t gpu_span_count[GPU_SPANS] = {1, 4, 2};

rk__gpu_tokens gpu_tokens_new(void) {
    return (rk__gpu_tokens){.sequence = gpu_of(gpu_token_sequence, sizeof gpu_token_sequence),
                            .first = gpu_of(gpu_token_first, sizeof gpu_token_first),
                            .last = gpu_of(gpu_token_last, sizeof gpu_token_last),
                            .span_sequence = gpu_of(gpu_span_sequence, sizeof gpu_span_sequence),
                            .span_first = gpu_of(gpu_span_first, sizeof gpu_span_first),
                            .span_count = gpu_of(gpu_span_count, sizeof gpu_span_count),
                            .n_tokens = GPU_TOKENS,
                            .n_spans = GPU_SPANS};
}
