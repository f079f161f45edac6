// Reads model files field by field, as docs/formats.md lays them out. Written for the tests alone:
// it shares nothing with the library's reader and writer.
#ifndef TEST_MODEL_FILE_FIELDS_H
#define TEST_MODEL_FILE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_record {
    char name[96];
    int32_t dim_count, type;
    int32_t shape[3]; // in the file's order
    const uint8_t *data;
    size_t size; // of the data in bytes
    size_t n_values;
} test_record;

enum { TEST_MAX_RECORDS = 256 };
typedef struct test_model_file {
    uint8_t *bytes; // owned
    size_t size;
    uint32_t magic, version;
    int32_t n_vocab, n_embed, n_layer, type;
    test_record records[TEST_MAX_RECORDS];
    size_t n_records;
} test_model_file;

// False, with a line on stderr, when the file cannot be read to its last byte.
bool test_model_file_read(test_model_file *file, const char *path);
void test_model_file_free(test_model_file *file);

// NULL when there is none.
const test_record *test_model_file_find(const test_model_file *file, const char *name);

// One value of an FP32 or FP16 record.
double test_record_value(const test_record *record, size_t index);

// The value of a half float.
double test_half(uint16_t bits);

#endif
