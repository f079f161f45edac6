// The tensors of a weights file as float32, to be changed and written again: how tests make files
// that are like a good one but for one thing.
#ifndef TEST_WEIGHTS_COPY_H
#define TEST_WEIGHTS_COPY_H

#include "pth_writer.h"

enum { TEST_MODEL_FILE_HEADER = 24 };

typedef struct test_weights {
    test_pth_tensor *tensors; // [count], in the file's order; names and data are owned
    size_t count;
    bool model_file;                              // read from one, and written as one
    unsigned char header[TEST_MODEL_FILE_HEADER]; // of the model file
} test_weights;

// Reads a checkpoint or an FP32 model file. Prints why and gives false when that is not possible.
bool test_weights_read(test_weights *weights, const char *path);
void test_weights_free(test_weights *weights);

// Writes the file again: a model file as such, anything else as .pth. What is in the tensors is
// written, however wrong. False when the file cannot be written.
bool test_weights_write(const test_weights *weights, const char *path);

#endif
