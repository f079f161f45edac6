// Zip archives and pickles made byte by byte, wrong ones too: what tests of the PyTorch reader feed
// it.
#ifndef TEST_SAMPLE_ARCHIVE_H
#define TEST_SAMPLE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes under construction; owned. A failed allocation ends the test.
typedef struct sample_bytes {
    uint8_t *data;
    size_t size, capacity;
} sample_bytes;

void sample_put(sample_bytes *bytes, const void *data, size_t size);
void sample_put_text(sample_bytes *bytes, const char *text); // without its terminator
void sample_put_le(sample_bytes *bytes, uint64_t value, size_t size);
void sample_free(sample_bytes *bytes);

// ---- pickles

// A text (BINUNICODE), a number (BININT or LONG1), a tuple of numbers.
void sample_put_string(sample_bytes *pickle, const char *text);
void sample_put_number(sample_bytes *pickle, int64_t number);
void sample_put_numbers(sample_bytes *pickle, const int64_t *numbers, size_t n);

typedef struct sample_tensor {
    const char *storage; // "FloatStorage", ...
    const char *key;     // of the storage's record
    int64_t count;       // elements of the storage
    int64_t offset;
    size_t n_dims;
    int64_t dims[10], strides[10];
} sample_tensor;

// The opcodes that push a tensor.
void sample_put_tensor(sample_bytes *pickle, const sample_tensor *tensor);

// A whole pickle {"w": <tensor>} of a storage "0" of six float32.
sample_bytes sample_small_pickle(void);

// ---- archives

typedef struct sample_member {
    const char *name;
    const void *data; // as it is to lie in the file
    size_t size;      // of data
    // Of what is in the directory and the local header; as the data has it where `override` is
    // false.
    bool override;
    uint16_t method, flags;
    uint32_t crc;
    uint64_t declared_size; // what the member inflates to
} sample_member;

// An archive of the members, stored unless they say something else.
sample_bytes sample_archive(const sample_member *members, size_t n);

// An archive of the usual records around a pickle and one storage "0" of `size` bytes.
sample_bytes sample_checkpoint(const sample_bytes *pickle, const void *storage, size_t size);

// Raw deflate.
sample_bytes sample_deflate(const void *data, size_t size);
uint32_t sample_crc(const void *data, size_t size);

// Six float32: 1, 2, ... 6.
extern const float sample_floats[6];

// Writes the bytes to a scratch file and gives its path.
const char *sample_file(const sample_bytes *bytes);

// Opens the file, reads every tensor, and gives the status of the first step that failed, with its
// message.
int sample_read_all(const char *path, char message[512]);

#endif
