// Q4_0, Q4_1 and Q8_0 have float32 steps in version 100 and FP16 ones in 101, nibbles lie in
// another order; Q5_0 and Q5_1 differ in the order of the nibbles alone.
#include "tensor/block_move.h"

#include <string.h>

#include "tensor/blocks.h"
#include "tensor/pack_codes.h"
#include "tensor/unpack_codes.h"

// ---- the parts of a block

typedef void (*reorder)(uint8_t out[RK__BLOCK / 2], const uint8_t nibbles[RK__BLOCK / 2]);

static void pairs_to_halves(uint8_t out[RK__BLOCK / 2], const uint8_t nibbles[RK__BLOCK / 2]) {
    int8_t codes[RK__BLOCK];
    rk__unpack_pairs(codes, nibbles, RK__BLOCK);
    rk__pack_halves(out, (const uint8_t *)codes, RK__BLOCK);
}

static void halves_to_pairs(uint8_t out[RK__BLOCK / 2], const uint8_t nibbles[RK__BLOCK / 2]) {
    int8_t codes[RK__BLOCK];
    rk__unpack_halves(codes, nibbles, RK__BLOCK);
    rk__pack_pairs(out, (const uint8_t *)codes, RK__BLOCK);
}

// Is the FP16 number the same?
static bool narrow(uint8_t out[2], const uint8_t f32[4]) {
    const float value = rk__load_f32le(f32);
    const uint16_t half = rk__f16_from_float(value);
    rk__store_u16le(out, half);
    return rk__bits_of_float(rk__float_from_f16(half)) == rk__bits_of_float(value);
}

static void widen(uint8_t out[4], const uint8_t f16[2]) {
    rk__store_f32le(out, rk__float_from_f16(rk__load_u16le(f16)));
}

// ---- from version 100

static bool q4_0_from_v100(void *out, const void *row, size_t n) {
    uint8_t *to = out;
    const uint8_t *from = row;
    bool exact = true;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += sizeof(rk__block_q4_0)) {
        rk__block_q4_0_v100 old;
        rk__block_q4_0 block;
        memcpy(&old, from, sizeof old);
        from += sizeof old;
        exact &= narrow(block.d, old.d);
        pairs_to_halves(block.nibbles, old.nibbles);
        memcpy(to, &block, sizeof block);
    }
    return exact;
}

static bool q4_1_from_v100(void *out, const void *row, size_t n) {
    uint8_t *to = out;
    const uint8_t *from = row;
    bool exact = true;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += sizeof(rk__block_q4_1)) {
        rk__block_q4_1_v100 old;
        rk__block_q4_1 block;
        memcpy(&old, from, sizeof old);
        from += sizeof old;
        exact &= narrow(block.d, old.d);
        exact &= narrow(block.m, old.m);
        pairs_to_halves(block.nibbles, old.nibbles);
        memcpy(to, &block, sizeof block);
    }
    return exact;
}

static bool q8_0_from_v100(void *out, const void *row, size_t n) {
    uint8_t *to = out;
    const uint8_t *from = row;
    bool exact = true;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += sizeof(rk__block_q8_0)) {
        rk__block_q8_0_v100 old;
        rk__block_q8_0 block;
        memcpy(&old, from, sizeof old);
        from += sizeof old;
        exact &= narrow(block.d, old.d);
        memcpy(block.codes, old.codes, sizeof block.codes);
        memcpy(to, &block, sizeof block);
    }
    return exact;
}

// ---- to version 100: FP16 numbers are exact in float32

static bool q4_0_to_v100(void *out, const void *row, size_t n) {
    uint8_t *to = out;
    const uint8_t *from = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += sizeof(rk__block_q4_0_v100)) {
        rk__block_q4_0 block;
        rk__block_q4_0_v100 old;
        memcpy(&block, from, sizeof block);
        from += sizeof block;
        widen(old.d, block.d);
        halves_to_pairs(old.nibbles, block.nibbles);
        memcpy(to, &old, sizeof old);
    }
    return true;
}

static bool q4_1_to_v100(void *out, const void *row, size_t n) {
    uint8_t *to = out;
    const uint8_t *from = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += sizeof(rk__block_q4_1_v100)) {
        rk__block_q4_1 block;
        rk__block_q4_1_v100 old;
        memcpy(&block, from, sizeof block);
        from += sizeof block;
        widen(old.d, block.d);
        widen(old.m, block.m);
        halves_to_pairs(old.nibbles, block.nibbles);
        memcpy(to, &old, sizeof old);
    }
    return true;
}

static bool q8_0_to_v100(void *out, const void *row, size_t n) {
    uint8_t *to = out;
    const uint8_t *from = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += sizeof(rk__block_q8_0_v100)) {
        rk__block_q8_0 block;
        rk__block_q8_0_v100 old;
        memcpy(&block, from, sizeof block);
        from += sizeof block;
        widen(old.d, block.d);
        memcpy(old.codes, block.codes, sizeof old.codes);
        memcpy(to, &old, sizeof old);
    }
    return true;
}

// ---- blocks that differ in the order of their nibbles, which end them

static bool reorder_blocks(void *out, const void *row, size_t n, size_t block_bytes,
                           reorder nibbles) {
    enum { NIBBLES = RK__BLOCK / 2 };
    uint8_t *to = out;
    const uint8_t *from = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, to += block_bytes, from += block_bytes) {
        memcpy(to, from, block_bytes - NIBBLES);
        nibbles(to + block_bytes - NIBBLES, from + block_bytes - NIBBLES);
    }
    return true;
}

static bool q5_0_from_v100(void *out, const void *row, size_t n) {
    return reorder_blocks(out, row, n, sizeof(rk__block_q5_0), pairs_to_halves);
}

static bool q5_1_from_v100(void *out, const void *row, size_t n) {
    return reorder_blocks(out, row, n, sizeof(rk__block_q5_1), pairs_to_halves);
}

static bool q5_0_to_v100(void *out, const void *row, size_t n) {
    return reorder_blocks(out, row, n, sizeof(rk__block_q5_0), halves_to_pairs);
}

static bool q5_1_to_v100(void *out, const void *row, size_t n) {
    return reorder_blocks(out, row, n, sizeof(rk__block_q5_1), halves_to_pairs);
}

// ----

rk__row_mover rk__row_mover_of(rk_dtype to, rk_dtype from) {
    static const struct {
        rk_dtype to, from;
        rk__row_mover move;
    } moves[] = {
        {RK_DTYPE_Q4_0, RK_DTYPE_Q4_0_V100, q4_0_from_v100},
        {RK_DTYPE_Q4_1, RK_DTYPE_Q4_1_V100, q4_1_from_v100},
        {RK_DTYPE_Q5_0, RK_DTYPE_Q5_0_V100, q5_0_from_v100},
        {RK_DTYPE_Q5_1, RK_DTYPE_Q5_1_V100, q5_1_from_v100},
        {RK_DTYPE_Q8_0, RK_DTYPE_Q8_0_V100, q8_0_from_v100},
        {RK_DTYPE_Q4_0_V100, RK_DTYPE_Q4_0, q4_0_to_v100},
        {RK_DTYPE_Q4_1_V100, RK_DTYPE_Q4_1, q4_1_to_v100},
        {RK_DTYPE_Q5_0_V100, RK_DTYPE_Q5_0, q5_0_to_v100},
        {RK_DTYPE_Q5_1_V100, RK_DTYPE_Q5_1, q5_1_to_v100},
        {RK_DTYPE_Q8_0_V100, RK_DTYPE_Q8_0, q8_0_to_v100},
    };
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        if (moves[i].to == to && moves[i].from == from) return moves[i].move;
    }
    return NULL;
}
