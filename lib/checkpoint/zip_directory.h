// The directory of a zip archive, and its members' bytes. The subset that weights files use: one
// disk, no encryption, members stored or deflated, zip64.
//
// libzip would not do here: it does not tell where in the file the bytes of a stored member are,
// which is what reading a 26 GB checkpoint in place needs.
#ifndef RK_CHECKPOINT_ZIP_DIRECTORY_H
#define RK_CHECKPOINT_ZIP_DIRECTORY_H

#include "base/file.h"

typedef struct rk__zip_member {
    const char *name; // not terminated, UTF-8 unchecked; points into the directory
    size_t name_length;
    uint64_t header_offset; // of its local header
    uint64_t packed_size, size;
    uint32_t crc;
    uint16_t method, flags;
} rk__zip_member;

typedef struct rk__zip {
    const rk__file *file;      // borrowed
    uint8_t *directory;        // owned, as in the file
    uint64_t directory_offset; // in the file
    rk__zip_member *members;   // [n_members], owned
    size_t n_members;
    uint32_t *by_name; // [n_members], indices sorted by name; owned
} rk__zip;

// Reads and checks the directory. Two members of one name are refused.
rk_status rk__zip_open(rk__zip *zip, const rk__file *file, rk_error *err);
void rk__zip_close(rk__zip *zip);

// False when there is no such member.
bool rk__zip_find(const rk__zip *zip, const char *name, size_t length, size_t *index);

// Where the bytes of members[index] begin in the file; checks its local header against the
// directory.
rk_status rk__zip_locate(const rk__zip *zip, size_t index, uint64_t *offset, rk_error *err);

bool rk__zip_is_deflated(const rk__zip_member *member);

// A whole member in memory (released with rk__free), inflated and its CRC checked. One that is
// larger than `limit` is refused.
rk_status rk__zip_read(const rk__zip *zip, size_t index, uint64_t limit, uint8_t **out,
                       size_t *size, rk_error *err);

#endif
