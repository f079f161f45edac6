// What the checks of kernels share: memory of the device, seeded random numbers, comparing, and the
// tokens that all of them are tried with.
#ifndef TEST_GPU_MEMORY_H
#define TEST_GPU_MEMORY_H

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda/cuda_kernels.h"
#include "kernels/kernels.h"

// Begins: a stream, the CPU's scalar kernels, the seed of random numbers. And ends.
void gpu_memory_begin(uint64_t seed);
void gpu_memory_end(void);

extern cudaStream_t gpu_stream;
extern rk__kernels gpu_cpu; // what the CPU makes of the same

// Ends the program when a call into CUDA has failed.
void gpu_require(unsigned code, const char *what);

// Memory of the device, freed together by gpu_free_all.
void *gpu_new(size_t bytes);
void *gpu_of(const void *bytes, size_t size);
float *gpu_of_floats(const float *values, size_t n);
void gpu_free_all(void);

// Zeroed memory of the host; and a copy of the device's, after all that has been started. Release:
// free.
void *gpu_host_new(size_t n, size_t size);
void *gpu_host_of(const void *on_device, size_t n, size_t size);

// Random numbers in [low, high). Release: free.
float gpu_uniform(float low, float high);
float *gpu_floats(size_t n, float low, float high);

// The device's floats are within `limit` of those that are wanted.
void gpu_expect_near(const float *device, const float *wanted, size_t n, double limit,
                     const char *what);

// Three spans of 1, 4 and 2 tokens, of sequences 2, 0 and 1 of a state with four.
enum { GPU_TOKENS = 7, GPU_SPANS = 3, GPU_SEQUENCES = 4 };
extern const int32_t gpu_token_sequence[GPU_TOKENS], gpu_token_first[GPU_TOKENS];
extern const int32_t gpu_span_sequence[GPU_SPANS], gpu_span_first[GPU_SPANS];
extern const int32_t gpu_span_count[GPU_SPANS];
rk__gpu_tokens gpu_tokens_new(void);

// The recurrences, gpu_recurrences.c.
void gpu_check_recurrences(void);

#endif
