// Encoders of the block formats of version 101 model files, with the reference rounding of
// docs/formats.md: the same bytes as the programs that defined the formats write. The codes follow
// from the step d in float32, before d is rounded to FP16 for the file.
#include <math.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"
#include "tensor/row_functions.h"

// The code that position x lies in: x cut to a whole number, kept within 0 .. largest. NaN and
// whatever else a denormal step (whose reciprocal is infinite) brings forth end inside the range
// too.
static uint8_t code_below(float x, uint8_t largest) {
    if (!(x >= 0.0f)) return 0;
    return x < (float)largest ? (uint8_t)x : largest;
}

// The signed code nearest to x, halves away from zero.
static uint8_t nearest_code(float x) {
    const float rounded = roundf(x);
    if (!(rounded > -128.0f)) return isnan(x) ? 0 : (uint8_t)INT8_MIN;
    return rounded < 127.0f ? (uint8_t)(int8_t)rounded : (uint8_t)INT8_MAX;
}

static float reciprocal(float d) {
    return d != 0.0f ? 1.0f / d : 0.0f;
}

// The value of largest magnitude with its sign, the first one on a tie; 0 for zeros of either sign.
static float signed_extreme(const float values[RK__BLOCK]) {
    float magnitude = 0.0f;
    float extreme = 0.0f;
    for (size_t i = 0; i < RK__BLOCK; i++) {
        if (fabsf(values[i]) > magnitude) {
            magnitude = fabsf(values[i]);
            extreme = values[i];
        }
    }
    return extreme;
}

// Codes of a format whose middle code (8 or 16) means zero. The value of largest magnitude gets
// code 0.
static float encode_around_zero(uint8_t codes[RK__BLOCK], const float values[RK__BLOCK],
                                uint8_t zero) {
    const float d = signed_extreme(values) / -(float)zero;
    const float inverse = reciprocal(d);
    for (size_t i = 0; i < RK__BLOCK; i++) {
        codes[i] = code_below(values[i] * inverse + ((float)zero + 0.5f), (uint8_t)(2 * zero - 1));
    }
    return d;
}

// What a block's values lie on: code * d + m.
typedef struct line {
    float d, m;
} line;

// Codes of a format that counts steps from the least value, which gets code 0.
static line encode_above_least(uint8_t codes[RK__BLOCK], const float values[RK__BLOCK],
                               uint8_t largest) {
    float least = values[0];
    float greatest = values[0];
    for (size_t i = 1; i < RK__BLOCK; i++) {
        if (values[i] < least) least = values[i];
        if (values[i] > greatest) greatest = values[i];
    }
    const float d = (greatest - least) / (float)largest;
    const float inverse = reciprocal(d);
    for (size_t i = 0; i < RK__BLOCK; i++) {
        codes[i] = code_below((values[i] - least) * inverse + 0.5f, largest);
    }
    return (line){d, least};
}

static void pack_halves(uint8_t nibbles[RK__BLOCK / 2], const uint8_t codes[RK__BLOCK]) {
    for (size_t j = 0; j < RK__BLOCK / 2; j++) {
        nibbles[j] = (uint8_t)((codes[j] & 15) | (codes[j + RK__BLOCK / 2] & 15) << 4);
    }
}

static uint32_t fifth_bits_of(const uint8_t codes[RK__BLOCK]) {
    uint32_t bits = 0;
    for (size_t i = 0; i < RK__BLOCK; i++) bits |= (uint32_t)(codes[i] >> 4 & 1) << i;
    return bits;
}

static void store_f16(uint8_t bytes[2], float value) {
    rk__store_u16le(bytes, rk__f16_from_float(value));
}

void rk__encode_q4_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0)) {
        rk__block_q4_0 block;
        uint8_t codes[RK__BLOCK];
        store_f16(block.d, encode_around_zero(codes, values + i, 8));
        pack_halves(block.nibbles, codes);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q4_1(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1)) {
        rk__block_q4_1 block;
        uint8_t codes[RK__BLOCK];
        const line fit = encode_above_least(codes, values + i, 15);
        store_f16(block.d, fit.d);
        store_f16(block.m, fit.m);
        pack_halves(block.nibbles, codes);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q5_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        uint8_t codes[RK__BLOCK];
        store_f16(block.d, encode_around_zero(codes, values + i, 16));
        rk__store_u32le(block.fifth_bits, fifth_bits_of(codes));
        pack_halves(block.nibbles, codes);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q5_1(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        uint8_t codes[RK__BLOCK];
        const line fit = encode_above_least(codes, values + i, 31);
        store_f16(block.d, fit.d);
        store_f16(block.m, fit.m);
        rk__store_u32le(block.fifth_bits, fifth_bits_of(codes));
        pack_halves(block.nibbles, codes);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q8_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0)) {
        rk__block_q8_0 block;
        const float d = fabsf(signed_extreme(values + i)) / 127.0f;
        const float inverse = reciprocal(d);
        store_f16(block.d, d);
        for (size_t j = 0; j < RK__BLOCK; j++)
            block.codes[j] = nearest_code(values[i + j] * inverse);
        memcpy(bytes, &block, sizeof block);
    }
}
