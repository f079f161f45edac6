// An input as a file: the library opens paths and nothing else, and so do the fuzz targets.
#ifndef TEST_FUZZ_INPUT_H
#define TEST_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

// Makes the bytes a file in memory and gives its path. The next call changes the file.
const char *fuzz_file(const uint8_t *data, size_t size);

// The path of a file in a folder of this process, which goes with the process; lives until then.
const char *fuzz_folder_file(const char *name);

// Makes the bytes the content of a file, which is made if it is not there.
void fuzz_write(const char *path, const uint8_t *data, size_t size);

// A file of tests/fuzz/fixtures, read whole; release with free.
unsigned char *fuzz_fixture(const char *name, size_t *size);

// Copies such a file to fuzz_folder_file(to), and gives that path.
const char *fuzz_copy_fixture(const char *name, const char *to);

// Ends the program, which fuzzers take for a finding, when a promise does not hold.
void fuzz_require(int holds, const char *promise);

#endif
