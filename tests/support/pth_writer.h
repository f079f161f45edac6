// Writes PyTorch checkpoints (zip archives) as torch.save does: what tests make their models and
// adapters with.
#ifndef TEST_PTH_WRITER_H
#define TEST_PTH_WRITER_H

#include <stdbool.h>
#include <stddef.h>

enum { TEST_PTH_MAX_DIMS = 4 };

// A tensor with a storage of its own.
typedef struct test_pth_tensor {
    const char *name;
    const char *storage; // torch's class: "FloatStorage", "BFloat16Storage", ...
    size_t n_dims;
    size_t dims[TEST_PTH_MAX_DIMS];
    const size_t *strides; // [n_dims] in elements; NULL: contiguous
    const void *data;      // the storage, little-endian
    size_t n_values;       // in the storage
} test_pth_tensor;

// Bytes of a value in a storage of this class; 0 for classes that are not known here.
size_t test_pth_value_bytes(const char *storage);

// An ordered dictionary of tensors. False when the file cannot be written.
bool test_pth_write(const char *path, const test_pth_tensor *tensors, size_t n_tensors);

#endif
