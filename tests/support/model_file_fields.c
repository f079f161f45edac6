// Reads model files field by field, for tests.
#include "model_file_fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

// Values and bytes of a block, by type id, in versions 100 and 101 (docs/formats.md 1.3 and 2.1).
enum { N_TYPES = 10 };
typedef struct block_size {
    size_t values, bytes;
} block_size;
static const block_size old_blocks[N_TYPES] = {
    [0] = {1, 4},   [1] = {1, 2},   [2] = {32, 20}, [3] = {32, 24}, [4] = {32, 24},
    [5] = {16, 10}, [6] = {16, 12}, [7] = {32, 22}, [8] = {32, 24}, [9] = {32, 36},
};
static const block_size new_blocks[N_TYPES] = {
    [0] = {1, 4},   [1] = {1, 2},   [2] = {32, 18}, [3] = {32, 20},
    [7] = {32, 22}, [8] = {32, 24}, [9] = {32, 34},
};

static uint32_t u32_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static bool say(const char *what, size_t offset) {
    (void)fprintf(stderr, "model file: %s at byte %zu\n", what, offset);
    return false;
}

static bool read_record(test_model_file *file, size_t *offset) {
    test_record *record = &file->records[file->n_records];
    const block_size *blocks = file->version == 100 ? old_blocks : new_blocks;
    if (file->size - *offset < 12) return say("record ends early", *offset);
    const uint8_t *p = file->bytes + *offset;
    record->dim_count = (int32_t)u32_at(p);
    const size_t name_length = u32_at(p + 4);
    record->type = (int32_t)u32_at(p + 8);
    *offset += 12;
    if (record->dim_count < 1 || record->dim_count > 3) return say("bad dim_count", *offset);
    if (record->type < 0 || record->type >= N_TYPES || blocks[record->type].values == 0) {
        return say("bad type", *offset);
    }
    const size_t shape_bytes = 4 * (size_t)record->dim_count;
    if (name_length >= sizeof record->name || file->size - *offset < shape_bytes + name_length) {
        return say("bad name", *offset);
    }
    record->n_values = 1;
    for (int32_t i = 0; i < record->dim_count; i++) {
        record->shape[i] = (int32_t)u32_at(file->bytes + *offset + 4 * (size_t)i);
        record->n_values *= (size_t)record->shape[i];
    }
    memcpy(record->name, file->bytes + *offset + shape_bytes, name_length);
    record->name[name_length] = '\0';
    *offset += shape_bytes + name_length;
    if ((size_t)record->shape[0] % blocks[record->type].values != 0) {
        return say("row of no whole blocks", *offset);
    }
    record->size = record->n_values / blocks[record->type].values * blocks[record->type].bytes;
    if (file->size - *offset < record->size) return say("data ends early", *offset);
    record->data = file->bytes + *offset;
    *offset += record->size;
    file->n_records++;
    return true;
}

bool test_model_file_read(test_model_file *file, const char *path) {
    *file = (test_model_file){0};
    file->bytes = test_read_file(path, &file->size);
    if (file->bytes == NULL || file->size < 24) return say("no header", 0);
    file->magic = u32_at(file->bytes);
    file->version = u32_at(file->bytes + 4);
    file->n_vocab = (int32_t)u32_at(file->bytes + 8);
    file->n_embed = (int32_t)u32_at(file->bytes + 12);
    file->n_layer = (int32_t)u32_at(file->bytes + 16);
    file->type = (int32_t)u32_at(file->bytes + 20);
    for (size_t offset = 24; offset < file->size;) {
        if (file->n_records == TEST_MAX_RECORDS) return say("too many records", offset);
        if (!read_record(file, &offset)) return false;
    }
    return true;
}

void test_model_file_free(test_model_file *file) {
    free(file->bytes);
    *file = (test_model_file){0};
}

const test_record *test_model_file_find(const test_model_file *file, const char *name) {
    for (size_t i = 0; i < file->n_records; i++) {
        if (strcmp(file->records[i].name, name) == 0) return &file->records[i];
    }
    return NULL;
}

double test_half(uint16_t bits) {
    const int exponent = (bits >> 10) & 31;
    const double fraction = bits & 1023;
    const double magnitude = exponent == 31  ? (fraction == 0 ? (double)INFINITY : (double)NAN)
                             : exponent == 0 ? ldexp(fraction, -24)
                                             : ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

double test_record_value(const test_record *record, size_t index) {
    if (record->type == 1) {
        const uint8_t *p = record->data + 2 * index;
        return test_half((uint16_t)(p[0] | p[1] << 8));
    }
    const uint32_t bits = u32_at(record->data + 4 * index);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}
