// Files: read at an offset, and write beside the target before renaming over it.
#ifndef RK_BASE_FILE_H
#define RK_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error_internal.h"

// What takes a file's place where there is none, as when speed is measured with weights that are
// made up: gives `size` bytes from `offset` on, which lie within the file. Called by several
// threads at once; borrowed, with self, until the file is closed.
typedef struct rk__file_source {
    rk_status (*read)(void *self, uint64_t offset, void *out, size_t size, rk_error *err);
    void *self;
    uint64_t size;
} rk__file_source;

// A regular file opened for reading. Reads are thread-safe.
typedef struct rk__file {
    int fd;
    uint64_t size;                 // at open
    char *path;                    // owned, for messages
    const rk__file_source *source; // NULL: bytes come from fd
} rk__file;

// Fails with the path and the reason for whatever is not a regular file that can be read.
rk_status rk__file_open(rk__file *file, const char *path, rk_error *err);

// Whatever `source` gives, under this name.
rk_status rk__file_open_source(rk__file *file, const char *path, const rk__file_source *source,
                               rk_error *err);
void rk__file_close(rk__file *file);

// Exactly `size` bytes from `offset` on; a file that has become shorter is an error.
rk_status rk__file_read(const rk__file *file, uint64_t offset, void *out, size_t size,
                        rk_error *err);

// An output file. It is written under a temporary name beside the target and appears under its own
// name only by rk__output_commit, whole and flushed to disk: a crash, a full disk or a second
// writer never leaves half a file, and an old file survives a failure.
typedef struct rk__output rk__output;

enum { RK__OUTPUT_BUFFER = 1 << 20 }; // bytes of memory that an output takes

// `target` that is a directory or cannot be created is refused here, before any work is done.
rk_status rk__output_open(rk__output **out, const char *target, rk_error *err);
rk_status rk__output_write(rk__output *output, const void *data, size_t size, rk_error *err);
rk_status rk__output_write_at(rk__output *output, uint64_t offset, const void *data, size_t size,
                              rk_error *err); // patches what has been written
uint64_t rk__output_size(const rk__output *output);

// Flushes (unless !sync), renames, closes; *output becomes NULL, also on failure, which removes the
// temporary file.
rk_status rk__output_commit(rk__output **output, bool sync, rk_error *err);

// Closes and removes the temporary file; NULL is fine.
void rk__output_abort(rk__output **output);

#endif
