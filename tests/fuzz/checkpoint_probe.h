// What fuzz targets of weights files do with an input: open it as anybody would, and read all of
// it.
#ifndef TEST_CHECKPOINT_PROBE_H
#define TEST_CHECKPOINT_PROBE_H

#include <stddef.h>

#include "rk/error.h"

// Opens a file and reads every tensor of bounded size. Ends the program when the library
// contradicts itself: a refusal without a proper message or that took too much memory, tensors that
// cannot be found by their names, rows that differ from the whole.
void probe_checkpoint(const char *path, size_t file_size);

// Is the error of a failed call one that people can read: a code, and one line of UTF-8 text?
void probe_error(rk_status status, const rk_error *err);

// Does the message begin with the file's name, or with that of another file in its folder? Failures
// of allocations name none.
void probe_path(rk_status status, const rk_error *err, const char *path);

// Memory that refusing a file of this size may take.
size_t probe_memory_limit(size_t file_size);

#endif
