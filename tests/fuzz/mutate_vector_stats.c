// Changes statistics files and then, mostly, makes the checksum right again, which nobody would
// guess.
#include "mutate.h"

#include <string.h>
#include <zlib.h>

enum { HEADER_BYTES = 40, CHECKSUM = 12 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size < HEADER_BYTES || memcmp(data, "rkstats\n", 8) != 0 || seed % 8 == 0) return size;
    const uint32_t crc = (uint32_t)crc32_z(0, data + CHECKSUM + 4, size - CHECKSUM - 4);
    for (size_t i = 0; i < 4; i++) data[CHECKSUM + i] = (uint8_t)(crc >> (8 * i));
    return size;
}
