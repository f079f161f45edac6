// What the library itself needs of a checkpoint beyond rk/checkpoint.h, to read whole files fast
// and in bounded memory.
#ifndef RK_CHECKPOINT_READING_H
#define RK_CHECKPOINT_READING_H

#include "base/file.h"
#include "rk/checkpoint.h"

// A checkpoint in one file whose bytes `source` gives; it is called `path` in messages. Otherwise
// as rk_checkpoint_open.
rk_status rk__checkpoint_open_source(rk_checkpoint **out, const char *path,
                                     const rk__file_source *source, rk_error *err);

// Checksums that are compared after the bytes have been used: for jobs that read a tensor once, in
// pieces and from several threads, and can still throw away what they have made of it.
//
// Until rk__checkpoint_settle_check, reads of this tensor do not compare its checksum but add up
// those of the pieces they give. One tensor at a time; not while others read from the checkpoint.
// Where there is nothing to be gained (no checksum, already compared, compressed, or other bytes
// beside the tensor's under one checksum) nothing changes.
void rk__checkpoint_defer_check(rk_checkpoint *checkpoint, size_t tensor);

// Compares now. What the pieces add up to tells it when each byte was read once; otherwise the
// bytes are read again. Costs nothing where nothing was deferred.
rk_status rk__checkpoint_settle_check(rk_checkpoint *checkpoint, size_t tensor, rk_error *err);

// Memory that reading n rows at a time takes beside where they go: by each thread that reads, and
// by all of them together.
typedef struct rk__reading_bytes {
    size_t each, shared;
} rk__reading_bytes;
rk__reading_bytes rk__checkpoint_reading_bytes(const rk_checkpoint *checkpoint, size_t tensor,
                                               size_t n);

// Do rows lie in the file as rk_checkpoint_read_raw gives them, so that reading one costs reading
// its bytes and nothing else (once the checksum has been compared)?
bool rk__checkpoint_reads_rows_alone(const rk_checkpoint *checkpoint, size_t tensor);

// What the rwkv package converted the file for ("cuda fp16i8 *20 -> cpu fp32"), or NULL: its
// tensors are then changed in ways that only it knows.
const char *rk__checkpoint_strategy(const rk_checkpoint *checkpoint);

#endif
