// What the tests of merging share: reading files as values, and writing adapters.
#ifndef TEST_ADAPTER_FILES_H
#define TEST_ADAPTER_FILES_H

#include "rk/checkpoint.h"
#include "rk/convert.h"
#include "support/pth_writer.h"

// A file of tests/data/adapters ("lora", "lora.expected"); the text lives until the 64th call.
const char *test_adapter_path(const char *name);

// Failures of these end the test.
rk_checkpoint *test_open(const char *path);
void test_convert(const char *input, const char *output, const rk_convert_options *options);

// All values of a tensor. Release: free.
float *test_read_floats(rk_checkpoint *file, size_t index, size_t *count);
double *test_read_doubles(rk_checkpoint *file, size_t index, size_t *count); // of an F64 tensor

// The largest difference between the tensors of two files of the same names, as a share of the
// largest magnitude of each tensor in `a`. Tensors of other names or sizes end the test.
double test_largest_difference(const char *a, const char *b);

// Writes the tensors of a checkpoint again, each value v as factor * v + shift, in float32.
void test_write_changed(const char *output, const char *input, float factor, float shift);

// A safetensors file of float32 tensors with texts beside them, JSON as it stands there
// ("\"alpha\":\"16\""), or NULL.
void test_write_safetensors(const char *path, const test_pth_tensor *tensors, size_t n_tensors,
                            const char *metadata);

#endif
