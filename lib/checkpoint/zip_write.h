// Zip archives of stored members, written in one go: what NumPy calls .npz.
#ifndef RK_CHECKPOINT_ZIP_WRITE_H
#define RK_CHECKPOINT_ZIP_WRITE_H

#include "base/file.h"

typedef struct rk__zip_output {
    rk__output *output; // borrowed
    uint8_t *directory; // owned: what will stand at the end
    size_t directory_size, directory_room;
    size_t n_members;
} rk__zip_output;

// A part of a member's bytes.
typedef struct rk__zip_bytes {
    const void *data;
    size_t size;
} rk__zip_bytes;

void rk__zip_output_init(rk__zip_output *zip, rk__output *output);
void rk__zip_output_fini(rk__zip_output *zip);

// Appends a member, its parts one behind the other. Names are UTF-8, at most 65535 bytes. An
// archive stays below 4 GiB and has at most 65535 members (ERR_UNSUPPORTED, naming the member).
rk_status rk__zip_output_add(rk__zip_output *zip, const char *name, const rk__zip_bytes *parts,
                             size_t n_parts, rk_error *err);

// Writes the directory.
rk_status rk__zip_output_finish(rk__zip_output *zip, rk_error *err);

#endif
