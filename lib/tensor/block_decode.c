// Decoders of the block formats of version 101 model files, the ones that are written today.
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"
#include "tensor/row_functions.h"
#include "tensor/unpack_codes.h"

static float load_f16(const uint8_t bytes[2]) {
    return rk__float_from_f16(rk__load_u16le(bytes));
}

void rk__decode_q4_0(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0)) {
        rk__block_q4_0 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_halves(codes, block.nibbles, RK__BLOCK);
        rk__scale_codes(out + i, codes, RK__BLOCK, 8, load_f16(block.d));
    }
}

void rk__decode_q4_1(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1)) {
        rk__block_q4_1 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_halves(codes, block.nibbles, RK__BLOCK);
        rk__scale_codes_above(out + i, codes, RK__BLOCK, load_f16(block.d), load_f16(block.m));
    }
}

void rk__decode_q5_0(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_halves(codes, block.nibbles, RK__BLOCK);
        rk__unpack_fifth_bits(codes, rk__load_u32le(block.fifth_bits));
        rk__scale_codes(out + i, codes, RK__BLOCK, 16, load_f16(block.d));
    }
}

void rk__decode_q5_1(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_halves(codes, block.nibbles, RK__BLOCK);
        rk__unpack_fifth_bits(codes, rk__load_u32le(block.fifth_bits));
        rk__scale_codes_above(out + i, codes, RK__BLOCK, load_f16(block.d), load_f16(block.m));
    }
}

void rk__decode_q8_0(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0)) {
        rk__block_q8_0 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        memcpy(codes, block.codes, sizeof codes);
        rk__scale_codes(out + i, codes, RK__BLOCK, 0, load_f16(block.d));
    }
}
