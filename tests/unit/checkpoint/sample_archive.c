// Zip archives and pickles made byte by byte.
#include "sample_archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rk/checkpoint.h"
#include "support/scratch.h"

const float sample_floats[6] = {1, 2, 3, 4, 5, 6};

void sample_put(sample_bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (!bytes->data) abort();
    }
    if (size > 0) memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void sample_put_text(sample_bytes *bytes, const char *text) {
    sample_put(bytes, text, strlen(text));
}

void sample_put_le(sample_bytes *bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(i < 8 ? value >> 8 * i : 0);
        sample_put(bytes, &byte, 1);
    }
}

void sample_free(sample_bytes *bytes) {
    free(bytes->data);
    *bytes = (sample_bytes){0};
}

// ---- pickles

void sample_put_string(sample_bytes *pickle, const char *text) {
    sample_put_text(pickle, "X");
    sample_put_le(pickle, strlen(text), 4);
    sample_put_text(pickle, text);
}

void sample_put_number(sample_bytes *pickle, int64_t number) {
    if (number >= INT32_MIN && number <= INT32_MAX) {
        sample_put_text(pickle, "J");
        sample_put_le(pickle, (uint64_t)number, 4);
    } else {
        sample_put_text(pickle, "\x8a\x08");
        sample_put_le(pickle, (uint64_t)number, 8);
    }
}

void sample_put_numbers(sample_bytes *pickle, const int64_t *numbers, size_t n) {
    sample_put_text(pickle, "(");
    for (size_t i = 0; i < n; i++) sample_put_number(pickle, numbers[i]);
    sample_put_text(pickle, "t");
}

void sample_put_tensor(sample_bytes *pickle, const sample_tensor *tensor) {
    sample_put_text(pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    sample_put_string(pickle, "storage");
    sample_put_text(pickle, "ctorch\n");
    sample_put_text(pickle, tensor->storage);
    sample_put_text(pickle, "\n");
    sample_put_string(pickle, tensor->key);
    sample_put_string(pickle, "cpu");
    sample_put_number(pickle, tensor->count);
    sample_put_text(pickle, "tQ");
    sample_put_number(pickle, tensor->offset);
    sample_put_numbers(pickle, tensor->dims, tensor->n_dims);
    sample_put_numbers(pickle, tensor->strides, tensor->n_dims);
    sample_put_text(pickle, "\x89"
                            "ccollections\nOrderedDict\n)RtR");
}

sample_bytes sample_small_pickle(void) {
    sample_bytes pickle = {0};
    const sample_tensor w = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}};
    sample_put_text(&pickle, "\x80\x02}");
    sample_put_string(&pickle, "w");
    sample_put_tensor(&pickle, &w);
    sample_put_text(&pickle, "s.");
    return pickle;
}

// ---- archives

uint32_t sample_crc(const void *data, size_t size) {
    return (uint32_t)crc32_z(0, data, size);
}

sample_bytes sample_deflate(const void *data, size_t size) {
    z_stream zlib = {0};
    if (deflateInit2(&zlib, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    sample_bytes out = {.capacity = deflateBound(&zlib, size)};
    out.data = malloc(out.capacity);
    if (!out.data) abort();
    zlib.next_in = (void *)(uintptr_t)data;
    zlib.avail_in = (unsigned)size;
    zlib.next_out = out.data;
    zlib.avail_out = (unsigned)out.capacity;
    if (deflate(&zlib, Z_FINISH) != Z_STREAM_END) abort();
    out.size = zlib.total_out;
    deflateEnd(&zlib);
    return out;
}

// The fields that the local header and the directory share.
static void put_common(sample_bytes *zip, const sample_member *member) {
    const uint32_t crc = member->override ? member->crc : sample_crc(member->data, member->size);
    const uint64_t size = member->override ? member->declared_size : member->size;
    sample_put_le(zip, 20, 2);
    sample_put_le(zip, member->flags, 2);
    sample_put_le(zip, member->method, 2);
    sample_put_le(zip, 0, 4); // time and date
    sample_put_le(zip, crc, 4);
    sample_put_le(zip, member->size, 4);
    sample_put_le(zip, size, 4);
    sample_put_le(zip, strlen(member->name), 2);
    sample_put_le(zip, 0, 2); // extra fields
}

sample_bytes sample_archive(const sample_member *members, size_t n) {
    sample_bytes zip = {0}, directory = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t offset = zip.size;
        sample_put_text(&zip, "PK\3\4");
        put_common(&zip, &members[i]);
        sample_put_text(&zip, members[i].name);
        sample_put(&zip, members[i].data, members[i].size);

        sample_put_text(&directory, "PK\1\2");
        sample_put_le(&directory, 20, 2);
        put_common(&directory, &members[i]);
        sample_put_le(&directory, 0, 2 + 2 + 2 + 4); // comment, disk, attributes
        sample_put_le(&directory, offset, 4);
        sample_put_text(&directory, members[i].name);
    }
    const size_t start = zip.size;
    sample_put(&zip, directory.data, directory.size);
    sample_put_text(&zip, "PK\5\6");
    sample_put_le(&zip, 0, 4);
    sample_put_le(&zip, n, 2);
    sample_put_le(&zip, n, 2);
    sample_put_le(&zip, directory.size, 4);
    sample_put_le(&zip, start, 4);
    sample_put_le(&zip, 0, 2);
    sample_free(&directory);
    return zip;
}

sample_bytes sample_checkpoint(const sample_bytes *pickle, const void *storage, size_t size) {
    const sample_member members[] = {
        {.name = "archive/data.pkl", .data = pickle->data, .size = pickle->size},
        {.name = "archive/byteorder", .data = "little", .size = 6},
        {.name = "archive/data/0", .data = storage, .size = size},
        {.name = "archive/version", .data = "3\n", .size = 2},
    };
    return sample_archive(members, 4);
}

const char *sample_file(const sample_bytes *bytes) {
    const char *path = test_scratch_path("sample.pth");
    if (!test_write_file(path, bytes->data ? bytes->data : (const uint8_t *)"", bytes->size))
        abort();
    return path;
}

int sample_read_all(const char *path, char message[512]) {
    rk_checkpoint *file = NULL;
    rk_error err = {.message = ""};
    rk_status status = rk_checkpoint_open(&file, path, &err);
    for (size_t i = 0; status == RK_OK && i < rk_checkpoint_count(file); i++) {
        size_t rows, columns;
        if (!rk_shape_matrix(&rows, &columns, &rk_checkpoint_tensor(file, i)->shape)) abort();
        const size_t size = rk_checkpoint_tensor_bytes(file, i);
        void *data = malloc(size + 1);
        if (!data) abort();
        status = rk_checkpoint_read_raw(file, i, 0, rows, data, size, &err);
        free(data);
    }
    memcpy(message, err.message, sizeof err.message);
    rk_checkpoint_close(&file);
    return (int)status;
}
