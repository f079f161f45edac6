// Files of the tests of merging.
#include "adapter_files.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *test_adapter_path(const char *name) {
    enum { N = 64 };
    static char paths[N][512];
    static size_t next;
    char *path = paths[next++ % N];
    (void)snprintf(path, sizeof paths[0], "%s/adapters/%s.safetensors", RK_TEST_DATA, name);
    return path;
}

rk_checkpoint *test_open(const char *path) {
    rk_checkpoint *file;
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK, "%s", err.message);
    return file;
}

void test_convert(const char *input, const char *output, const rk_convert_options *options) {
    rk_error err = {0};
    cr_assert_eq(rk_convert(input, output, options, NULL, &err), RK_OK, "%s", err.message);
}

float *test_read_floats(rk_checkpoint *file, size_t index, size_t *count) {
    size_t rows, columns;
    rk_error err = {0};
    cr_assert(rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(file, index)->shape));
    *count = rows * columns;
    float *values = calloc(*count, sizeof *values);
    cr_assert_eq(rk_checkpoint_read_floats(file, index, 0, rows, values, &err), RK_OK, "%s",
                 err.message);
    return values;
}

double *test_read_doubles(rk_checkpoint *file, size_t index, size_t *count) {
    size_t rows, columns;
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_tensor(file, index)->dtype, RK_DTYPE_F64);
    cr_assert(rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(file, index)->shape));
    *count = rows * columns;
    double *values = calloc(*count, sizeof *values);
    cr_assert_eq(
        rk_checkpoint_read_raw(file, index, 0, rows, values, *count * sizeof *values, &err), RK_OK,
        "%s", err.message);
    return values;
}

static double largest_difference(const float *x, const float *y, size_t n) {
    double most = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = fabs((double)x[i] - (double)y[i]);
        cr_assert(!isnan(difference) || (isinf(x[i]) && x[i] == y[i]));
        most = fmax(most, isnan(difference) ? 0 : difference);
        largest = fmax(largest, isinf(x[i]) ? 0 : fabs((double)x[i]));
    }
    return most == 0 ? 0 : most / largest;
}

double test_largest_difference(const char *a, const char *b) {
    rk_checkpoint *left = test_open(a), *right = test_open(b);
    double most = 0;
    cr_assert_eq(rk_checkpoint_count(left), rk_checkpoint_count(right));
    for (size_t i = 0; i < rk_checkpoint_count(left); i++) {
        size_t other, n, m;
        const char *name = rk_checkpoint_tensor(left, i)->name;
        cr_assert(rk_checkpoint_find(right, name, &other), "%s", name);
        float *x = test_read_floats(left, i, &n), *y = test_read_floats(right, other, &m);
        cr_assert_eq(n, m, "%s", name);
        most = fmax(most, largest_difference(x, y, n));
        free(x);
        free(y);
    }
    rk_checkpoint_close(&left);
    rk_checkpoint_close(&right);
    return most;
}

void test_write_changed(const char *output, const char *input, float factor, float shift) {
    rk_checkpoint *file = test_open(input);
    const size_t n = rk_checkpoint_count(file);
    test_pth_tensor *tensors = calloc(n, sizeof *tensors);
    for (size_t i = 0; i < n; i++) {
        const rk_tensor_info *info = rk_checkpoint_tensor(file, i);
        size_t count;
        float *values = test_read_floats(file, i, &count);
        for (size_t k = 0; k < count; k++) values[k] = factor * values[k] + shift;
        tensors[i] = (test_pth_tensor){.name = info->name,
                                       .storage = "FloatStorage",
                                       .n_dims = info->shape.n_dims,
                                       .data = values,
                                       .n_values = count};
        memcpy(tensors[i].dims, info->shape.dims, info->shape.n_dims * sizeof(size_t));
    }
    cr_assert(test_pth_write(output, tensors, n));
    for (size_t i = 0; i < n; i++) free((void *)tensors[i].data);
    free(tensors);
    rk_checkpoint_close(&file);
}

void test_write_safetensors(const char *path, const test_pth_tensor *tensors, size_t n_tensors,
                            const char *metadata) {
    char header[8192] = "{";
    size_t offset = 0;
    if (metadata != NULL) sprintf(header, "{\"__metadata__\":{%s},", metadata);
    for (size_t i = 0; i < n_tensors; i++) {
        const test_pth_tensor *t = &tensors[i];
        char *at = header + strlen(header);
        at += sprintf(at, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i > 0 ? "," : "", t->name);
        for (size_t d = 0; d < t->n_dims; d++) {
            at += sprintf(at, d > 0 ? ",%zu" : "%zu", t->dims[d]);
        }
        sprintf(at, "],\"data_offsets\":[%zu,%zu]}", offset, offset + 4 * t->n_values);
        offset += 4 * t->n_values;
    }
    strcat(header, "}");
    cr_assert_lt(strlen(header), sizeof header);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    const uint64_t length = strlen(header);
    fwrite(&length, sizeof length, 1, file);
    fputs(header, file);
    for (size_t i = 0; i < n_tensors; i++) fwrite(tensors[i].data, 4, tensors[i].n_values, file);
    cr_assert_eq(fclose(file), 0);
}
