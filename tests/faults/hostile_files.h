// Files made to cost a reader as much memory or time as its limits allow, each with a mistake at
// the end that has it refused.
#ifndef TEST_HOSTILE_FILES_H
#define TEST_HOSTILE_FILES_H

#include <stddef.h>
#include <stdint.h>

// Bytes under construction; owned.
typedef struct hostile_bytes {
    uint8_t *data;
    size_t size, capacity;
} hostile_bytes;

typedef struct hostile_file {
    const char *name;
    // Appends the file's bytes.
    void (*make)(hostile_bytes *file);
} hostile_file;

extern const hostile_file hostile_files[];
extern const size_t n_hostile_files;

#endif
