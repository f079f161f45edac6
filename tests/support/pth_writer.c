// Writes PyTorch checkpoints for tests: a zip archive of a pickle and one member for each storage.
#include "pth_writer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

// Bytes under construction. A failed allocation ends the test.
typedef struct text {
    uint8_t *data;
    size_t size, capacity;
} text;

static void put(text *t, const void *data, size_t size) {
    if (t->size + size > t->capacity) {
        t->capacity = 2 * (t->size + size);
        t->data = realloc(t->data, t->capacity);
        if (t->data == NULL) abort();
    }
    memcpy(t->data + t->size, data, size);
    t->size += size;
}

static void put_opcodes(text *t, const char *opcodes) {
    put(t, opcodes, strlen(opcodes));
}

static void put_u32(text *t, size_t value) {
    const uint32_t v = (uint32_t)value;
    const uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
                              (uint8_t)(v >> 24)};
    put(t, bytes, sizeof bytes);
}

static void put_integer(text *t, size_t value) {
    if (value > INT32_MAX) abort(); // would need another opcode
    put_opcodes(t, "J");
    put_u32(t, value);
}

static void put_string(text *t, const char *string) {
    put_opcodes(t, "X");
    put_u32(t, strlen(string));
    put_opcodes(t, string);
}

size_t test_pth_value_bytes(const char *storage) {
    static const struct {
        const char *name;
        size_t bytes;
    } known[] = {{"DoubleStorage", 8},   {"FloatStorage", 4}, {"HalfStorage", 2},
                 {"BFloat16Storage", 2}, {"LongStorage", 8},  {"IntStorage", 4},
                 {"ShortStorage", 2},    {"CharStorage", 1},  {"ByteStorage", 1},
                 {"BoolStorage", 1}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, storage) == 0) return known[i].bytes;
    }
    return 0;
}

static void put_sizes(text *t, const size_t *sizes, size_t n) {
    put_opcodes(t, "(");
    for (size_t i = 0; i < n; i++) put_integer(t, sizes[i]);
    put_opcodes(t, "t");
}

static void put_tensor(text *t, const test_pth_tensor *tensor, size_t index) {
    size_t strides[TEST_PTH_MAX_DIMS];
    size_t stride = 1;
    for (size_t i = tensor->n_dims; i-- > 0;) {
        strides[i] = stride;
        stride *= tensor->dims[i];
    }
    char key[24];
    (void)snprintf(key, sizeof key, "%zu", index);
    put_string(t, tensor->name);
    put_opcodes(t, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_string(t, "storage");
    put_opcodes(t, "ctorch\n");
    put_opcodes(t, tensor->storage);
    put_opcodes(t, "\n");
    put_string(t, key);
    put_string(t, "cpu");
    put_integer(t, tensor->n_values);
    put_opcodes(t, "tQ");
    put_integer(t, 0); // offset in the storage
    put_sizes(t, tensor->dims, tensor->n_dims);
    put_sizes(t, tensor->strides != NULL ? tensor->strides : strides, tensor->n_dims);
    put_opcodes(t, "\x89"
                   "ccollections\nOrderedDict\n)RtR"); // no gradient, no hooks
}

static text make_pickle(const test_pth_tensor *tensors, size_t n_tensors) {
    text t = {0};
    put_opcodes(&t, "\x80\x02"
                    "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < n_tensors; i++) put_tensor(&t, &tensors[i], i);
    put_opcodes(&t, "u.");
    return t;
}

// Adds a member that is stored as it is. The data must live until the archive is closed.
static bool add(zip_t *archive, const char *name, const void *data, size_t size) {
    zip_source_t *source = zip_source_buffer(archive, data, size, 0);
    if (source == NULL) return false;
    const zip_int64_t index = zip_file_add(archive, name, source, 0);
    if (index < 0) {
        zip_source_free(source);
        return false;
    }
    return zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0;
}

bool test_pth_write(const char *path, const test_pth_tensor *tensors, size_t n_tensors) {
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    if (archive == NULL) return false;
    text pickle = make_pickle(tensors, n_tensors);
    bool added = add(archive, "archive/data.pkl", pickle.data, pickle.size) &&
                 add(archive, "archive/byteorder", "little", 6);
    for (size_t i = 0; i < n_tensors && added; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "archive/data/%zu", i);
        const size_t size = tensors[i].n_values * test_pth_value_bytes(tensors[i].storage);
        added = add(archive, name, tensors[i].data, size);
    }
    added = added && add(archive, "archive/version", "3\n", 2);
    if (!added) zip_discard(archive);
    const bool written = added && zip_close(archive) == 0;
    free(pickle.data);
    return written;
}
