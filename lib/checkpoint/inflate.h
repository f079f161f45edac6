// Members of zip archives that are compressed: raw deflate streams, read from a file piece by
// piece.
#ifndef RK_CHECKPOINT_INFLATE_H
#define RK_CHECKPOINT_INFLATE_H

#include "base/file.h"

// A deflate stream in a file and what it must give.
typedef struct rk__packed {
    uint64_t offset, packed_size; // in the file
    uint64_t size;                // of what comes out
    const char *what;             // for messages: "record 'a/data/0'"
} rk__packed;

// Inflates into out[0 .. size), or nowhere when out is NULL, and sets *crc to the CRC-32 of what
// came out. A stream that is broken, or gives more or less than it should, is ERR_FORMAT; whatever
// the stream says, no more than `size` bytes and a fixed buffer are used.
rk_status rk__inflate(const rk__file *file, const rk__packed *packed, void *out, uint32_t *crc,
                      rk_error *err);

// The CRC-32 of `size` bytes from `offset` on.
rk_status rk__file_crc(const rk__file *file, uint64_t offset, uint64_t size, uint32_t *crc,
                       rk_error *err);

// The CRC-32 of bytes in memory; `crc` is that of the bytes before them, 0 at the start.
uint32_t rk__crc32(uint32_t crc, const void *bytes, size_t size);

// What bytes with this CRC-32 contribute to the CRC-32 of themselves and `behind` more bytes: the
// exclusive or of the contributions is the CRC-32 of the whole.
uint32_t rk__crc32_moved(uint32_t crc, uint64_t behind);

#endif
