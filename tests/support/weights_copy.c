// The tensors of a weights file as float32, to be changed and written again.
#include "weights_copy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/checkpoint.h"

static bool read_header(test_weights *weights, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    const bool read = fread(weights->header, sizeof weights->header, 1, file) == 1;
    (void)fclose(file);
    return read;
}

static bool read_tensor(test_pth_tensor *out, rk_checkpoint *file, size_t index, rk_error *err) {
    const rk_tensor_info *info = rk_checkpoint_tensor(file, index);
    if (info->shape.n_dims > TEST_PTH_MAX_DIMS) return false;
    *out = (test_pth_tensor){.storage = "FloatStorage", .n_dims = info->shape.n_dims};
    memcpy(out->dims, info->shape.dims, out->n_dims * sizeof out->dims[0]);
    size_t rows, columns;
    if (!rk_shape_matrix(&rows, &columns, &info->shape)) return false;
    out->n_values = rows * columns;
    float *values = malloc(out->n_values * sizeof *values);
    out->name = strdup(info->name);
    out->data = values;
    if (values == NULL || out->name == NULL) abort();
    return rk_checkpoint_read_floats(file, index, 0, rows, values, err) == RK_OK;
}

bool test_weights_read(test_weights *weights, const char *path) {
    *weights = (test_weights){0};
    rk_error err = {.message = "a shape or header out of the ordinary"};
    rk_checkpoint *file = NULL;
    bool good = rk_checkpoint_open(&file, path, &err) == RK_OK;
    if (!good) goto out;
    weights->model_file = rk_checkpoint_container(file) == RK_CONTAINER_MODEL_V101;
    good = !weights->model_file || read_header(weights, path);
    const size_t n = rk_checkpoint_count(file);
    weights->tensors = calloc(n, sizeof weights->tensors[0]);
    if (weights->tensors == NULL) abort();
    for (size_t i = 0; i < n && good; i++) {
        good = read_tensor(&weights->tensors[weights->count++], file, i, &err);
    }
out:
    rk_checkpoint_close(&file);
    if (!good) {
        (void)fprintf(stderr, "%s: %s\n", path, err.message);
        test_weights_free(weights);
    }
    return good;
}

void test_weights_free(test_weights *weights) {
    for (size_t i = 0; i < weights->count; i++) {
        free((void *)(uintptr_t)weights->tensors[i].name);
        free((void *)(uintptr_t)weights->tensors[i].data);
    }
    free(weights->tensors);
    *weights = (test_weights){0};
}

static void put_u32(FILE *file, size_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) (void)putc((int)(value >> shift & 255), file);
}

// A record of docs/formats.md 1.2: its sizes stand in the opposite order.
static void write_record(FILE *file, const test_pth_tensor *tensor) {
    const size_t fp32 = 0;
    put_u32(file, tensor->n_dims);
    put_u32(file, strlen(tensor->name));
    put_u32(file, fp32);
    for (size_t i = tensor->n_dims; i-- > 0;) put_u32(file, tensor->dims[i]);
    (void)fputs(tensor->name, file);
    (void)fwrite(tensor->data, sizeof(float), tensor->n_values, file);
}

bool test_weights_write(const test_weights *weights, const char *path) {
    if (!weights->model_file) return test_pth_write(path, weights->tensors, weights->count);
    FILE *file = fopen(path, "wb");
    if (file == NULL) return false;
    (void)fwrite(weights->header, sizeof weights->header, 1, file);
    for (size_t i = 0; i < weights->count; i++) write_record(file, &weights->tensors[i]);
    const bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}
