// Values that are no numbers are found, wherever they stand.
#include "tensor/finite.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { N = 37 };

Test(finite, floats) {
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < N; i++) {
        float values[N] = {0.0F, -3.4e38F, 1e-45F, 65504.0F};
        cr_assert(rk__values_are_finite(RK_DTYPE_F32, values, N));
        for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
            values[i] = bad[b];
            cr_assert_not(rk__values_are_finite(RK_DTYPE_F32, values, N), "%g at %zu",
                          (double)bad[b], i);
        }
    }
}

// Every one of the 65536 patterns of a 16-bit float, at an odd address.
static void check_halves(rk_dtype dtype, uint16_t exponent) {
    for (uint32_t pattern = 0; pattern <= UINT16_MAX; pattern++) {
        uint8_t bytes[2 * N + 1] = {0};
        const uint16_t bits = (uint16_t)pattern;
        memcpy(bytes + 1 + 2 * (pattern % N), &bits, sizeof bits);
        const bool expected = (pattern & exponent) != exponent;
        cr_assert_eq(rk__values_are_finite(dtype, bytes + 1, N), expected, "pattern %04x", pattern);
    }
}

Test(finite, halves) {
    check_halves(RK_DTYPE_F16, 0x7c00);
}
Test(finite, brain_floats) {
    check_halves(RK_DTYPE_BF16, 0x7f80);
}

// A block of any codes is as good as its step and minimum.
Test(finite, blocks) {
    static const struct {
        rk_dtype dtype;
        size_t n_halves; // step and minimum
    } formats[] = {{RK_DTYPE_Q4_0, 1},
                   {RK_DTYPE_Q4_1, 2},
                   {RK_DTYPE_Q5_0, 1},
                   {RK_DTYPE_Q5_1, 2},
                   {RK_DTYPE_Q8_0, 1}};
    enum { BLOCKS = 3 };
    static const uint16_t bad[] = {0x7c00, 0xfc00, 0x7e00, 0x7c01};
    const uint16_t largest = 0x7bff;
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        const rk_dtype dtype = formats[f].dtype;
        const size_t size = rk_dtype_describe(dtype)->block_bytes;
        for (size_t i = 0; i < BLOCKS * formats[f].n_halves; i++) {
            uint8_t bytes[BLOCKS * 34];
            memset(bytes, 0xff, sizeof bytes);
            for (size_t b = 0; b < BLOCKS; b++) {
                memcpy(bytes + b * size, &largest, 2);
                if (formats[f].n_halves == 2) memcpy(bytes + b * size + 2, &largest, 2);
            }
            cr_assert(rk__values_are_finite(dtype, bytes, BLOCKS * 32));
            memcpy(bytes + i / formats[f].n_halves * size + i % formats[f].n_halves * 2,
                   &bad[i % 4], 2);
            cr_assert_not(rk__values_are_finite(dtype, bytes, BLOCKS * 32), "format %zu, %zu", f,
                          i);
        }
    }
}

// Where the numbers of a version 100 block stand; everything else in it may be any byte.
Test(finite, old_blocks) {
    static const struct {
        rk_dtype dtype;
        size_t offsets[3], n, size; // of numbers of `size` bytes
    } formats[] = {
        {RK_DTYPE_Q4_0_V100, {0}, 1, 4},         {RK_DTYPE_Q4_1_V100, {0, 4}, 2, 4},
        {RK_DTYPE_Q4_1_O_V100, {0, 2, 6}, 3, 2}, {RK_DTYPE_Q4_2_V100, {0}, 1, 2},
        {RK_DTYPE_Q4_3_V100, {0, 2}, 2, 2},      {RK_DTYPE_Q5_0_V100, {0}, 1, 2},
        {RK_DTYPE_Q5_1_V100, {0, 2}, 2, 2},      {RK_DTYPE_Q8_0_V100, {0}, 1, 4},
    };
    enum { BLOCKS = 3 };
    const float bad_float = -INFINITY;
    const uint16_t bad_half = 0x7e00;
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        const rk_dtype_info *info = rk_dtype_describe(formats[f].dtype);
        for (size_t i = 0; i < BLOCKS * formats[f].n; i++) {
            uint8_t bytes[BLOCKS * 36];
            memset(bytes, 0xff, sizeof bytes);
            for (size_t b = 0; b < BLOCKS; b++) {
                for (size_t k = 0; k < formats[f].n; k++) {
                    memset(bytes + b * info->block_bytes + formats[f].offsets[k], 1,
                           formats[f].size);
                }
            }
            const size_t n = BLOCKS * info->block_values;
            cr_assert(rk__values_are_finite(formats[f].dtype, bytes, n), "%s", info->name);
            uint8_t *number =
                bytes + i / formats[f].n * info->block_bytes + formats[f].offsets[i % formats[f].n];
            memcpy(number, formats[f].size == 4 ? (const void *)&bad_float : &bad_half,
                   formats[f].size);
            cr_assert_not(rk__values_are_finite(formats[f].dtype, bytes, n), "%s %zu", info->name,
                          i);
        }
    }
}

Test(finite, types_without_a_place_of_their_own_are_decoded) {
    double values[5] = {0.0, -1.5, DBL_MIN, 3e38, 1.0};
    cr_assert(rk__values_are_finite(RK_DTYPE_F64, values, 5));
    static const double bad[] = {NAN, INFINITY, 1e39}; // the last one is too large for float32
    for (size_t i = 0; i < 5; i++) {
        const double good = values[i];
        values[i] = bad[i % 3];
        cr_assert_not(rk__values_are_finite(RK_DTYPE_F64, values, 5), "%zu", i);
        values[i] = good;
    }
}

Test(finite, integers_are_not_looked_at) {
    uint8_t bytes[64];
    memset(bytes, 0xff, sizeof bytes);
    cr_assert(rk__values_are_finite(RK_DTYPE_I8, bytes, 32));
}
