// Running a model of tests/data/models: everything that comes out of it, to be compared.
#ifndef TEST_GPU_RUN_H
#define TEST_GPU_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "rk/model.h"

typedef struct gpu_fixture {
    const char *name;
    char path[512];
    uint32_t *tokens; // owned, [n_tokens]
    size_t n_tokens;
    float *logits, *state; // owned: what the float64 reference says
    size_t n_logits, n_state;
} gpu_fixture;

// Ends the program when a file is missing.
gpu_fixture gpu_fixture_read(const char *name);
void gpu_fixture_free(gpu_fixture *fixture);

// All small models with what a reference says about them; ends with NULL.
extern const char *const gpu_fixture_names[];

// Logits after each token, then the hidden states, then the state after the last one.
typedef struct gpu_result {
    float *values; // owned
    size_t n, n_logits, n_hidden;
} gpu_result;

// The fixture's first tokens (fixture->n_tokens may be made smaller), at most `chunk` together, on
// a model opened with this strategy. Ends the program on failure.
gpu_result gpu_run(const gpu_fixture *fixture, const char *strategy, uint64_t vram, size_t chunk);
void gpu_result_free(gpu_result *result);

rk_model *gpu_open(const char *path, const char *strategy, uint64_t vram);

// The largest absolute difference of n values; infinite when one of them is NaN.
double gpu_distance(const float *a, const float *b, size_t n);

#endif
