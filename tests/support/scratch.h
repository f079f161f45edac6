// A directory for the files of one test.
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

// The path of a file in this process's directory, which is made on the first call. The text lives
// until test_scratch_remove.
const char *test_scratch_path(const char *name);

// Removes the directory with the files in it.
void test_scratch_remove(void);

// How many files (hidden ones too) are in the directory?
size_t test_scratch_count(void);

bool test_file_exists(const char *path);

// A whole file; release with free. NULL when it cannot be read.
unsigned char *test_read_file(const char *path, size_t *size);

bool test_write_file(const char *path, const void *data, size_t size);

// Are both files there, with the same bytes?
bool test_same_bytes(const char *a, const char *b);

#endif
