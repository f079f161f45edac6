// Encoders of the block formats of version 101 model files, with the reference rounding of
// docs/formats.md: the same bytes as the programs that defined the formats write. The codes follow
// from the step d in float32, before d is rounded to FP16 for the file.
#include <math.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/pack_codes.h"
#include "tensor/round_codes.h"
#include "tensor/row_functions.h"

void rk__encode_q4_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0)) {
        rk__block_q4_0 block;
        uint8_t codes[RK__BLOCK];
        rk__store_f16le(block.d, rk__codes_around_zero(codes, values + i, RK__BLOCK, 8));
        rk__pack_halves(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q4_1(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1)) {
        rk__block_q4_1 block;
        uint8_t codes[RK__BLOCK];
        const rk__line fit = rk__codes_above_least(codes, values + i, RK__BLOCK, 15);
        rk__store_f16le(block.d, fit.d);
        rk__store_f16le(block.m, fit.m);
        rk__pack_halves(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q5_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        uint8_t codes[RK__BLOCK];
        rk__store_f16le(block.d, rk__codes_around_zero(codes, values + i, RK__BLOCK, 16));
        rk__store_u32le(block.fifth_bits, rk__fifth_bits_of(codes));
        rk__pack_halves(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q5_1(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        uint8_t codes[RK__BLOCK];
        const rk__line fit = rk__codes_above_least(codes, values + i, RK__BLOCK, 31);
        rk__store_f16le(block.d, fit.d);
        rk__store_f16le(block.m, fit.m);
        rk__store_u32le(block.fifth_bits, rk__fifth_bits_of(codes));
        rk__pack_halves(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q8_0(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0)) {
        rk__block_q8_0 block;
        const float d = fabsf(rk__signed_extreme(values + i, RK__BLOCK)) / 127.0f;
        const float inverse = rk__reciprocal(d);
        rk__store_f16le(block.d, d);
        for (size_t j = 0; j < RK__BLOCK; j++) {
            block.codes[j] = (uint8_t)rk__nearest_code(values[i + j] * inverse);
        }
        memcpy(bytes, &block, sizeof block);
    }
}
