// Zip archives of stored members.
#include "checkpoint/zip_write.h"

#include <string.h>

#include "base/memory.h"
#include "checkpoint/inflate.h"
#include "tensor/little_endian.h"

enum {
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    VERSION = 20,          // 2.0: what stored members need
    UTF8_NAMES = 1 << 11,  // flag
    FIRST_DAY = 1 << 5 | 1 // 1980-01-01, the zero of DOS dates: equal contents, equal bytes
};
static const uint64_t TOO_LARGE = 0xffffffffu; // zip64 begins here

void rk__zip_output_init(rk__zip_output *zip, rk__output *output) {
    *zip = (rk__zip_output){.output = output};
}

void rk__zip_output_fini(rk__zip_output *zip) {
    rk__free(zip->directory);
    *zip = (rk__zip_output){0};
}

// What a local header and an entry of the directory share, 26 bytes: from the version needed on.
static void store_description(uint8_t *out, uint32_t crc, uint32_t size, size_t name_length) {
    memset(out, 0, 26);
    rk__store_u16le(out, VERSION);
    rk__store_u16le(out + 2, UTF8_NAMES);
    rk__store_u16le(out + 8, FIRST_DAY);
    rk__store_u32le(out + 10, crc);
    rk__store_u32le(out + 14, size);
    rk__store_u32le(out + 18, size);
    rk__store_u16le(out + 22, (uint16_t)name_length);
}

static rk_status append_entry(rk__zip_output *zip, const char *name, size_t length, uint32_t crc,
                              uint32_t size, uint32_t offset, rk_error *err) {
    const size_t needed = zip->directory_size + ENTRY_BYTES + length;
    RK_TRY(rk__grow((void **)&zip->directory, &zip->directory_room, needed, 1, err));
    uint8_t *entry = zip->directory + zip->directory_size;
    memset(entry, 0, ENTRY_BYTES);
    rk__store_u32le(entry, 0x02014b50);
    rk__store_u16le(entry + 4, VERSION);
    store_description(entry + 6, crc, size, length);
    rk__store_u32le(entry + 42, offset);
    memcpy(entry + ENTRY_BYTES, name, length);
    zip->directory_size = needed;
    zip->n_members++;
    return RK_OK;
}

rk_status rk__zip_output_add(rk__zip_output *zip, const char *name, const rk__zip_bytes *parts,
                             size_t n_parts, rk_error *err) {
    const uint64_t offset = rk__output_size(zip->output);
    const size_t length = strlen(name);
    uint64_t size = 0;
    uint32_t crc = 0;
    for (size_t i = 0; i < n_parts; i++) {
        size += parts[i].size;
        crc = rk__crc32(crc, parts[i].data, parts[i].size);
    }
    if (size >= TOO_LARGE || offset + size >= TOO_LARGE || zip->n_members >= UINT16_MAX ||
        length > UINT16_MAX) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "'%.100s' does not fit into the archive any more, which ends at 4 GiB and "
                        "65535 members",
                        name);
    }
    uint8_t header[LOCAL_BYTES] = {0};
    rk__store_u32le(header, 0x04034b50);
    store_description(header + 4, crc, (uint32_t)size, length);
    RK_TRY(rk__output_write(zip->output, header, sizeof header, err));
    RK_TRY(rk__output_write(zip->output, name, length, err));
    for (size_t i = 0; i < n_parts; i++) {
        RK_TRY(rk__output_write(zip->output, parts[i].data, parts[i].size, err));
    }
    return append_entry(zip, name, length, crc, (uint32_t)size, (uint32_t)offset, err);
}

rk_status rk__zip_output_finish(rk__zip_output *zip, rk_error *err) {
    const uint64_t offset = rk__output_size(zip->output);
    if (offset + zip->directory_size >= TOO_LARGE) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "the archive is larger than 4 GiB");
    }
    uint8_t end[END_BYTES] = {0};
    rk__store_u32le(end, 0x06054b50);
    rk__store_u16le(end + 8, (uint16_t)zip->n_members);
    rk__store_u16le(end + 10, (uint16_t)zip->n_members);
    rk__store_u32le(end + 12, (uint32_t)zip->directory_size);
    rk__store_u32le(end + 16, (uint32_t)offset);
    RK_TRY(rk__output_write(zip->output, zip->directory, zip->directory_size, err));
    return rk__output_write(zip->output, end, sizeof end, err);
}
