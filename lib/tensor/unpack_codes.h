// From the packed codes of a block to one integer a value, for the decoders of both versions.
#ifndef RK_TENSOR_UNPACK_CODES_H
#define RK_TENSOR_UNPACK_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/blocks.h"

// The order of version 101: byte j holds values j and j + n / 2.
static inline void rk__unpack_halves(int8_t *codes, const uint8_t *nibbles, size_t n) {
    for (size_t j = 0; j < n / 2; j++) {
        codes[j] = (int8_t)(nibbles[j] & 15);
        codes[j + n / 2] = (int8_t)(nibbles[j] >> 4);
    }
}

// The order of version 100: byte j holds values 2j and 2j + 1.
static inline void rk__unpack_pairs(int8_t *codes, const uint8_t *nibbles, size_t n) {
    for (size_t j = 0; j < n / 2; j++) {
        codes[2 * j] = (int8_t)(nibbles[j] & 15);
        codes[2 * j + 1] = (int8_t)(nibbles[j] >> 4);
    }
}

// Bit i of the word is worth 16 in value i.
static inline void rk__unpack_fifth_bits(int8_t codes[RK__BLOCK], uint32_t bits) {
    for (size_t i = 0; i < RK__BLOCK; i++)
        codes[i] = (int8_t)(codes[i] + 16 * (int)(bits >> i & 1));
}

// out = (code - zero) * d
static inline void rk__scale_codes(float *out, const int8_t *codes, size_t n, int zero, float d) {
    for (size_t i = 0; i < n; i++) out[i] = (float)(codes[i] - zero) * d;
}

// out = code * d + m. With a step that was FP16 the product is exact, so there is one rounding
// whether or not a machine fuses the two operations.
static inline void rk__scale_codes_above(float *out, const int8_t *codes, size_t n, float d,
                                         float m) {
    for (size_t i = 0; i < n; i++) out[i] = (float)codes[i] * d + m;
}

#endif
