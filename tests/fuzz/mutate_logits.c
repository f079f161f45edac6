// Changes files of logits and then, mostly, makes the checksums of the header and of the rows of
// the small model right again, which nobody would guess.
#include "mutate.h"

#include <string.h>
#include <zlib.h>

enum { FIXED_BYTES = 64, CHECKSUM = 12, ROW_BYTES = 24, ROW_CODES = 16 };

static void store(uint8_t *at, uLong crc) {
    for (size_t i = 0; i < 4; i++) at[i] = (uint8_t)(crc >> (8 * i));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size < FIXED_BYTES || memcmp(data, "rklogit\n", 8) != 0 || seed % 8 == 0) return size;
    const size_t texts = (size_t)(data[56] | data[57] << 8) + (size_t)(data[60] | data[61] << 8);
    const size_t header = (FIXED_BYTES + texts + 63) / 64 * 64;
    if (header > size) return size;
    store(data + CHECKSUM, crc32_z(0, data + CHECKSUM + 4, header - CHECKSUM - 4));
    for (uint8_t *row = data + header; row + ROW_BYTES <= data + size; row += ROW_BYTES) {
        const uLong crc = crc32_z(0, row, CHECKSUM);
        store(row + CHECKSUM, crc32_z(crc, row + ROW_CODES, ROW_BYTES - ROW_CODES));
    }
    return size;
}
