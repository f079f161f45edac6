// From one code a value to the packed codes of a block, and the numbers beside them: the inverse of
// unpack_codes.h, for the encoders of both versions.
#ifndef RK_TENSOR_PACK_CODES_H
#define RK_TENSOR_PACK_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"

// The order of version 101: byte j holds values j and j + n / 2. Bits above the fourth are left to
// rk__fifth_bits_of.
static inline void rk__pack_halves(uint8_t *nibbles, const uint8_t *codes, size_t n) {
    for (size_t j = 0; j < n / 2; j++) {
        nibbles[j] = (uint8_t)((codes[j] & 15) | (codes[j + n / 2] & 15) << 4);
    }
}

// The order of version 100: byte j holds values 2j and 2j + 1.
static inline void rk__pack_pairs(uint8_t *nibbles, const uint8_t *codes, size_t n) {
    for (size_t j = 0; j < n / 2; j++) {
        nibbles[j] = (uint8_t)((codes[2 * j] & 15) | (codes[2 * j + 1] & 15) << 4);
    }
}

// Bit i of the word is what is worth 16 in value i.
static inline uint32_t rk__fifth_bits_of(const uint8_t codes[RK__BLOCK]) {
    uint32_t bits = 0;
    for (size_t i = 0; i < RK__BLOCK; i++) bits |= (uint32_t)(codes[i] >> 4 & 1) << i;
    return bits;
}

static inline void rk__store_f16le(uint8_t bytes[2], float value) {
    rk__store_u16le(bytes, rk__f16_from_float(value));
}

static inline void rk__store_f32le(uint8_t bytes[4], float value) {
    rk__store_u32le(bytes, rk__bits_of_float(value));
}

#endif
