// Small RWKV-4 checkpoints with random weights, for tests.
#ifndef TEST_SMALL_MODEL_H
#define TEST_SMALL_MODEL_H

#include "pth_writer.h"

typedef struct test_small_model {
    size_t n_vocab, n_embd, n_layer, n_ffn;
    unsigned seed;
} test_small_model;

// A model's tensors in float32, to be changed before they are written.
typedef struct test_small_tensors {
    test_pth_tensor *tensors; // [count], in torch's order
    size_t count;
} test_small_tensors;

test_small_tensors test_small_model_new(const test_small_model *sizes);
void test_small_model_free(test_small_tensors *list);

// The values of the tensor called `name`; NULL when there is none.
float *test_small_model_find(const test_small_tensors *list, const char *name);

// All of it in one call. False when the file cannot be written.
bool test_small_model_write(const char *path, const test_small_model *sizes);

// n floats in (-scale, scale), the same for the same seed.
void test_fill(float *values, size_t n, float scale, unsigned seed);

#endif
