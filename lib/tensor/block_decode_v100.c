// Decoders of the block formats of version 100 model files (April and May 2023). Nobody writes them
// any more; they are read so that old files live on.
#include <math.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/little_endian.h"
#include "tensor/row_functions.h"
#include "tensor/unpack_codes.h"

static float load_f16(const uint8_t bytes[2]) {
    return rk__float_from_f16(rk__load_u16le(bytes));
}

void rk__decode_q4_0_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0_v100)) {
        rk__block_q4_0_v100 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__BLOCK);
        rk__scale_codes(out + i, codes, RK__BLOCK, 8, rk__load_f32le(block.d));
    }
}

// The one format whose product is not exact: d has 24 bits. The programs that wrote such files
// fused the multiply and the add, and so do we, whatever this file is compiled with.
void rk__decode_q4_1_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1_v100)) {
        rk__block_q4_1_v100 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__BLOCK);
        const float d = rk__load_f32le(block.d);
        const float m = rk__load_f32le(block.m);
        for (size_t j = 0; j < RK__BLOCK; j++) out[i + j] = fmaf((float)codes[j], d, m);
    }
}

void rk__decode_q4_1_o_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1_o_v100)) {
        rk__block_q4_1_o_v100 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__BLOCK);
        rk__scale_codes_above(out + i, codes, RK__BLOCK, load_f16(block.d), load_f16(block.m));
        const size_t index = rk__load_u16le(block.index);
        if (index < RK__BLOCK) out[i + index] = load_f16(block.outlier);
    }
}

void rk__decode_q4_2_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__SHORT_BLOCK, bytes += sizeof(rk__block_q4_2_v100)) {
        rk__block_q4_2_v100 block;
        int8_t codes[RK__SHORT_BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__SHORT_BLOCK);
        rk__scale_codes(out + i, codes, RK__SHORT_BLOCK, 8, load_f16(block.d));
    }
}

void rk__decode_q4_3_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__SHORT_BLOCK, bytes += sizeof(rk__block_q4_3_v100)) {
        rk__block_q4_3_v100 block;
        int8_t codes[RK__SHORT_BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__SHORT_BLOCK);
        rk__scale_codes_above(out + i, codes, RK__SHORT_BLOCK, load_f16(block.d),
                              load_f16(block.m));
    }
}

void rk__decode_q5_0_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__BLOCK);
        rk__unpack_fifth_bits(codes, rk__load_u32le(block.fifth_bits));
        rk__scale_codes(out + i, codes, RK__BLOCK, 16, load_f16(block.d));
    }
}

void rk__decode_q5_1_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        rk__unpack_pairs(codes, block.nibbles, RK__BLOCK);
        rk__unpack_fifth_bits(codes, rk__load_u32le(block.fifth_bits));
        rk__scale_codes_above(out + i, codes, RK__BLOCK, load_f16(block.d), load_f16(block.m));
    }
}

void rk__decode_q8_0_v100(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0_v100)) {
        rk__block_q8_0_v100 block;
        int8_t codes[RK__BLOCK];
        memcpy(&block, bytes, sizeof block);
        memcpy(codes, block.codes, sizeof codes);
        rk__scale_codes(out + i, codes, RK__BLOCK, 0, rk__load_f32le(block.d));
    }
}
