// Promises of include/rk/checkpoint.h, checked for any file.
#include "checkpoint_probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz_input.h"
#include "memory_watch.h"
#include "rk/checkpoint.h"

enum {
    MOST_TENSORS = 64, // that are read; the others are only described
    MOST_BYTES = 1 << 20,
    REFUSAL_BYTES = 64 << 20,
};

size_t probe_memory_limit(size_t file_size) {
    return REFUSAL_BYTES + file_size;
}

static int is_utf8(const char *text) {
    const size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        uint32_t code;
        const size_t bytes = rk__utf8_decode(&code, text + i, length - i);
        if (bytes == 0) return 0;
        i += bytes;
    }
    return 1;
}

static int has_control(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return 1;
    }
    return 0;
}

void probe_error(rk_status status, const rk_error *err) {
    fuzz_require(err->code == status, "the error's code is what was returned");
    fuzz_require(memchr(err->message, '\0', sizeof err->message) != NULL, "messages end");
    fuzz_require(err->message[0] != '\0', "every failure has a message");
    fuzz_require(!has_control(err->message), "messages are one line without control characters");
    fuzz_require(is_utf8(err->message), "messages are UTF-8");
}

void probe_path(rk_status status, const rk_error *err, const char *path) {
    const size_t n_folder = (size_t)(strrchr(path, '/') + 1 - path);
    fuzz_require(status == RK_ERR_MEMORY || strncmp(err->message, path, n_folder) == 0,
                 "messages begin with the file's name");
}

// Reads rows [first, first + n) into memory of exactly that size, so that a sanitizer sees a byte
// too many. NULL when they cannot be read.
static uint8_t *read_rows(rk_checkpoint *file, size_t index, size_t first, size_t n, size_t size) {
    rk_error err = {0};
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (!bytes) abort();
    const rk_status status = rk_checkpoint_read_raw(file, index, first, n, bytes, size, &err);
    if (status == RK_OK) return bytes;
    probe_error(status, &err);
    free(bytes);
    return NULL;
}

static void read_floats(rk_checkpoint *file, size_t index, size_t rows, size_t columns) {
    rk_error err = {0};
    float *values = malloc(rows * columns * sizeof *values + 1);
    if (!values) abort();
    const rk_status status = rk_checkpoint_read_floats(file, index, 0, rows, values, &err);
    if (status != RK_OK) probe_error(status, &err);
    free(values);
}

// The last row alone is the end of the whole.
static void compare_last_row(rk_checkpoint *file, size_t index, size_t rows, const uint8_t *whole,
                             size_t size) {
    const size_t row_bytes = size / rows;
    uint8_t *row = read_rows(file, index, rows - 1, 1, row_bytes);
    fuzz_require(row != NULL, "what was read once can be read again");
    fuzz_require(memcmp(row, whole + size - row_bytes, row_bytes) == 0,
                 "a row is the same alone and among the others");
    free(row);
}

static void read_tensor(rk_checkpoint *file, size_t index) {
    size_t rows, columns;
    const rk_tensor_info *info = rk_checkpoint_tensor(file, index);
    const size_t size = rk_checkpoint_tensor_bytes(file, index);
    fuzz_require(rk_shape_matrix(&rows, &columns, &info->shape), "shapes are matrices");
    if (size > MOST_BYTES || rows > MOST_BYTES) return;
    uint8_t *whole = read_rows(file, index, 0, rows, size);
    if (whole && rows > 0) compare_last_row(file, index, rows, whole, size);
    if (rows * columns <= MOST_BYTES) read_floats(file, index, rows, columns);
    free(whole);
}

static void check_description(const rk_checkpoint *file, size_t index) {
    const rk_tensor_info *info = rk_checkpoint_tensor(file, index);
    size_t found = SIZE_MAX, bytes = 0;
    fuzz_require(info->name != NULL && is_utf8(info->name), "names are UTF-8");
    fuzz_require(rk_checkpoint_find(file, info->name, &found) && found == index,
                 "every tensor is found by its name");
    fuzz_require((unsigned)info->dtype < RK_DTYPE_COUNT, "types are in the table");
    fuzz_require(info->shape.n_dims <= RK_MAX_DIMS, "shapes have at most 8 sizes");
    fuzz_require(rk_tensor_bytes(&bytes, info) && bytes == rk_checkpoint_tensor_bytes(file, index),
                 "a tensor's bytes follow from type and shape");
}

void probe_checkpoint(const char *path, size_t file_size) {
    rk_checkpoint *file = NULL;
    rk_error err = {0};
    memory_watch_begin();
    const rk_status status = rk_checkpoint_open(&file, path, &err);
    if (status != RK_OK) {
        fuzz_require(file == NULL, "a failed open gives nothing");
        fuzz_require(memory_watch_peak() <= probe_memory_limit(file_size),
                     "refusing takes less than 64 MB and the file's size");
        probe_error(status, &err);
        probe_path(status, &err, path);
        return;
    }
    const size_t n = rk_checkpoint_count(file);
    fuzz_require(n > 0, "an open checkpoint has tensors");
    fuzz_require(is_utf8(rk_checkpoint_root(file)), "the root is UTF-8");
    for (size_t i = 0; i < n; i++) check_description(file, i);
    for (size_t i = 0; i < n && i < MOST_TENSORS; i++) read_tensor(file, i);
    rk_checkpoint_close(&file);
    fuzz_require(file == NULL, "closing nulls the pointer");
}
