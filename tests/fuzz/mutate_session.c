// Changes session files and then, mostly, makes the checksums of the samplers' memory and of the
// file right again, which nobody would guess.
#include "mutate.h"

#include <string.h>
#include <zlib.h>

enum {
    HEADER_BYTES = 128,
    CHECKSUM = 12,
    CHECKED_FROM = 16,
    FLAGS = 28,
    N_SAMPLER = 56,
    N_HELD = 64,
    N_STREAM = 72,
    N_POINT_SAMPLER = 96,
    STATE_BYTES = 80 * 4, // of the target's model
    LOGITS_BYTES = 256 * 4,
};

static uint64_t get(const uint8_t *from) {
    uint64_t value = 0;
    for (size_t i = 8; i > 0; i--) value = value << 8 | from[i - 1];
    return value;
}

static void put_crc(uint8_t *to, const uint8_t *bytes, size_t size) {
    const uint32_t crc = (uint32_t)crc32_z(0, bytes, size);
    for (size_t i = 0; i < 4; i++) to[i] = (uint8_t)(crc >> (8 * i));
}

// A sampler's memory of n bytes at `at`, as far as it lies within the file: its last four bytes are
// its checksum.
static void mend_sampler(uint8_t *data, size_t size, size_t at, uint64_t n) {
    if (at > size || n > size - at || n < 4) return;
    put_crc(data + at + n - 4, data + at, (size_t)n - 4);
}

static void mend(uint8_t *data, size_t size) {
    const uint64_t n_sampler = get(data + N_SAMPLER);
    const uint64_t between = get(data + N_HELD) + get(data + N_STREAM);
    size_t at = HEADER_BYTES + STATE_BYTES;
    if (data[FLAGS] & 1) at += LOGITS_BYTES;
    mend_sampler(data, size, at, n_sampler);
    if (n_sampler < size && between < size && (data[FLAGS] & 2)) {
        at += (size_t)(n_sampler + between) + STATE_BYTES + LOGITS_BYTES;
        mend_sampler(data, size, at, get(data + N_POINT_SAMPLER));
    }
    put_crc(data + CHECKSUM, data + CHECKED_FROM, size - CHECKED_FROM);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size >= HEADER_BYTES && seed % 8 != 0) mend(data, size);
    return size;
}
