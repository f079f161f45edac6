// Layouts of the block formats, as bytes in a file. Every block is its own little record: one or
// two numbers (the step d, the minimum m) and a code for each value. docs/formats.md says what the
// values are.
//
// The structs consist of bytes alone, so they have no padding and no alignment. A block is copied
// into one with memcpy and its numbers are read with tensor/little_endian.h; no struct is laid over
// the bytes of a file.
//
// Codes of 4 bits share a byte (a nibble each). Version 101 model files, and everything made since,
// pair values that are half a block apart; version 100 paired neighbours:
//
//                    byte j, bits 7..4   byte j, bits 3..0
//     version 101    value j + 16        value j             j = 0 .. 15
//     version 100    value 2j + 1        value 2j
//
// The fifth bits of Q5_0 and Q5_1 are a little-endian word of 32 bits: bit i belongs to value i, in
// both versions.
#ifndef RK_TENSOR_BLOCKS_H
#define RK_TENSOR_BLOCKS_H

#include <stdint.h>

enum {
    RK__BLOCK = 32,       // values in a block
    RK__SHORT_BLOCK = 16, // values in a block of Q4_2 and Q4_3
};

// Q4_0: value = (code - 8) * d
//
//     0      2                                18
//     +------+--------------------------------+
//     | d    | 16 bytes of nibbles            |
//     | fp16 |                                |
//     +------+--------------------------------+
typedef struct rk__block_q4_0 {
    uint8_t d[2];
    uint8_t nibbles[16];
} rk__block_q4_0;
_Static_assert(sizeof(rk__block_q4_0) == 18, "Q4_0");

// Q4_1: value = code * d + m
//
//     0      2      4                                20
//     +------+------+--------------------------------+
//     | d    | m    | 16 bytes of nibbles            |
//     | fp16 | fp16 |                                |
//     +------+------+--------------------------------+
typedef struct rk__block_q4_1 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t nibbles[16];
} rk__block_q4_1;
_Static_assert(sizeof(rk__block_q4_1) == 20, "Q4_1");

// Q5_0: value = (code - 16) * d, code = nibble + 16 * fifth bit. Version 100 differs in the order
// of the nibbles alone.
//
//     0      2             6                                22
//     +------+-------------+--------------------------------+
//     | d    | fifth bits  | 16 bytes of nibbles            |
//     | fp16 | u32         |                                |
//     +------+-------------+--------------------------------+
typedef struct rk__block_q5_0 {
    uint8_t d[2];
    uint8_t fifth_bits[4];
    uint8_t nibbles[16];
} rk__block_q5_0;
_Static_assert(sizeof(rk__block_q5_0) == 22, "Q5_0");

// Q5_1: value = code * d + m, code as in Q5_0. Version 100 differs in the order of the nibbles
// alone.
//
//     0      2      4             8                                24
//     +------+------+-------------+--------------------------------+
//     | d    | m    | fifth bits  | 16 bytes of nibbles            |
//     | fp16 | fp16 | u32         |                                |
//     +------+------+-------------+--------------------------------+
typedef struct rk__block_q5_1 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t fifth_bits[4];
    uint8_t nibbles[16];
} rk__block_q5_1;
_Static_assert(sizeof(rk__block_q5_1) == 24, "Q5_1");

// Q8_0: value = code * d, code a signed byte
//
//     0      2                                                               34
//     +------+---------------------------------------------------------------+
//     | d    | 32 codes, one byte each                                       |
//     | fp16 |                                                               |
//     +------+---------------------------------------------------------------+
typedef struct rk__block_q8_0 {
    uint8_t d[2];
    uint8_t codes[32];
} rk__block_q8_0;
_Static_assert(sizeof(rk__block_q8_0) == 34, "Q8_0");

// Version 100, Q4_0: value = (code - 8) * d
//
//     0            4                                20
//     +------------+--------------------------------+
//     | d          | 16 bytes of nibbles            |
//     | fp32       |                                |
//     +------------+--------------------------------+
typedef struct rk__block_q4_0_v100 {
    uint8_t d[4];
    uint8_t nibbles[16];
} rk__block_q4_0_v100;
_Static_assert(sizeof(rk__block_q4_0_v100) == 20, "Q4_0 of version 100");

// Version 100, Q4_1: value = code * d + m, rounded once
//
//     0            4            8                                24
//     +------------+------------+--------------------------------+
//     | d          | m          | 16 bytes of nibbles            |
//     | fp32       | fp32       |                                |
//     +------------+------------+--------------------------------+
typedef struct rk__block_q4_1_v100 {
    uint8_t d[4];
    uint8_t m[4];
    uint8_t nibbles[16];
} rk__block_q4_1_v100;
_Static_assert(sizeof(rk__block_q4_1_v100) == 24, "Q4_1 of version 100");

// Version 100, Q4_1_O: value = code * d + m, except that value number `index` is `outlier`. Blocks
// of zeros have the index 0xFFFF; an index that is not in the block is ignored.
//
//     0      2      4       6         8                                24
//     +------+------+-------+---------+--------------------------------+
//     | d    | m    | index | outlier | 16 bytes of nibbles            |
//     | fp16 | fp16 | u16   | fp16    |                                |
//     +------+------+-------+---------+--------------------------------+
typedef struct rk__block_q4_1_o_v100 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t index[2];
    uint8_t outlier[2];
    uint8_t nibbles[16];
} rk__block_q4_1_o_v100;
_Static_assert(sizeof(rk__block_q4_1_o_v100) == 24, "Q4_1_O of version 100");

// Version 100, Q4_2: blocks of 16; value = (code - 8) * d
//
//     0      2                10
//     +------+----------------+
//     | d    | 8 bytes of     |
//     | fp16 | nibbles        |
//     +------+----------------+
typedef struct rk__block_q4_2_v100 {
    uint8_t d[2];
    uint8_t nibbles[8];
} rk__block_q4_2_v100;
_Static_assert(sizeof(rk__block_q4_2_v100) == 10, "Q4_2 of version 100");

// Version 100, Q4_3: blocks of 16; value = code * d + m
//
//     0      2      4                12
//     +------+------+----------------+
//     | d    | m    | 8 bytes of     |
//     | fp16 | fp16 | nibbles        |
//     +------+------+----------------+
typedef struct rk__block_q4_3_v100 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t nibbles[8];
} rk__block_q4_3_v100;
_Static_assert(sizeof(rk__block_q4_3_v100) == 12, "Q4_3 of version 100");

// Version 100, Q8_0: value = code * d, code a signed byte
//
//     0            4                                                               36
//     +------------+---------------------------------------------------------------+
//     | d          | 32 codes, one byte each                                       |
//     | fp32       |                                                               |
//     +------------+---------------------------------------------------------------+
typedef struct rk__block_q8_0_v100 {
    uint8_t d[4];
    uint8_t codes[32];
} rk__block_q8_0_v100;
_Static_assert(sizeof(rk__block_q8_0_v100) == 36, "Q8_0 of version 100");

#endif
