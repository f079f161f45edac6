// Blocks moved between the layouts of the two versions stand for the same values, or it is said
// that they do not.
#include "tensor/block_move.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "tensor/convert_row.h"
#include "tensor/little_endian.h"

enum { ROWS = 20, COLUMNS = 256, MAX_BYTES = COLUMNS / 32 * 36 };

static const struct {
    rk_dtype v101, v100;
    size_t n_steps; // numbers that are float32 in version 100 and FP16 in version 101
    const char *golden;
} formats[] = {
    {RK_DTYPE_Q4_0, RK_DTYPE_Q4_0_V100, 1, "v101-Q4_0"},
    {RK_DTYPE_Q4_1, RK_DTYPE_Q4_1_V100, 2, "v101-Q4_1"},
    {RK_DTYPE_Q5_0, RK_DTYPE_Q5_0_V100, 0, "v101-Q5_0"},
    {RK_DTYPE_Q5_1, RK_DTYPE_Q5_1_V100, 0, "v101-Q5_1"},
    {RK_DTYPE_Q8_0, RK_DTYPE_Q8_0_V100, 1, "v101-Q8_0"},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static size_t row_bytes(rk_dtype dtype) {
    size_t bytes;
    cr_assert(rk_dtype_row_bytes(&bytes, dtype, COLUMNS));
    return bytes;
}

static void read_golden(const char *file, void *out, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/%s.bin", RK_TEST_DATA, file);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    cr_assert_eq(fread(out, 1, size, f), size, "%s is short", path);
    fclose(f);
}

static bool same_value(float a, float b) {
    return (isnan(a) && isnan(b)) || rk__bits_of_float(a) == rk__bits_of_float(b);
}

static void expect_same_values(rk_dtype a_dtype, const void *a, rk_dtype b_dtype, const void *b) {
    float a_values[COLUMNS], b_values[COLUMNS];
    rk__row_decoder_of(a_dtype)(a_values, a, COLUMNS);
    rk__row_decoder_of(b_dtype)(b_values, b, COLUMNS);
    for (size_t c = 0; c < COLUMNS; c++) {
        cr_assert(same_value(a_values[c], b_values[c]), "%s column %zu: %a, %a",
                  rk_dtype_describe(a_dtype)->name, c, (double)a_values[c], (double)b_values[c]);
    }
}

// Of every golden block, to version 100 and back: the same values, then the same bytes.
Test(block_move, there_and_back) {
    for (size_t f = 0; f < N_FORMATS; f++) {
        static uint8_t blocks[ROWS * MAX_BYTES];
        const size_t bytes = row_bytes(formats[f].v101);
        read_golden(formats[f].golden, blocks, ROWS * bytes);
        for (size_t r = 0; r < ROWS; r++) {
            uint8_t old[MAX_BYTES], back[MAX_BYTES];
            const uint8_t *row = blocks + r * bytes;
            cr_assert(rk__row_mover_of(formats[f].v100, formats[f].v101)(old, row, COLUMNS));
            expect_same_values(formats[f].v101, row, formats[f].v100, old);
            cr_assert(rk__row_mover_of(formats[f].v101, formats[f].v100)(back, old, COLUMNS));
            cr_assert_arr_eq(back, row, bytes, "%s row %zu", formats[f].golden, r);
        }
    }
}

// A step of more than FP16's 11 bits is rounded, and reported, wherever it stands.
Test(block_move, steps_that_are_no_fp16_numbers) {
    static const float steps[] = {1.0f + 0x1p-11f, 0x1p-25f, 70000.0f, 0x1.234568p-3f};
    for (size_t f = 0; f < N_FORMATS; f++) {
        const rk__row_mover move = rk__row_mover_of(formats[f].v101, formats[f].v100);
        const size_t block = rk_dtype_describe(formats[f].v100)->block_bytes;
        for (size_t i = 0; i < formats[f].n_steps * COLUMNS / 32; i++) {
            uint8_t old[MAX_BYTES] = {0}, moved[MAX_BYTES];
            cr_assert(move(moved, old, COLUMNS));
            const size_t at = i / formats[f].n_steps * block + i % formats[f].n_steps * 4;
            for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
                rk__store_u32le(old + at, rk__bits_of_float(steps[k]));
                cr_assert_not(move(moved, old, COLUMNS), "%s %zu: %a", formats[f].golden, i,
                              (double)steps[k]);
            }
            rk__store_u32le(old + at, rk__bits_of_float(-0x1.ffcp3f)); // 11 bits: exact
            cr_assert(move(moved, old, COLUMNS), "%s %zu", formats[f].golden, i);
        }
    }
}

// Q5_0 and Q5_1 are as long in both versions; the nibbles alone tell them apart. Value 1 is the
// high nibble of the first byte in version 100, the low one of the second in version 101; bit 1 of
// the word is its fifth bit in both.
Test(block_move, two_orders_of_nibbles) {
    const uint8_t old[24] = {0x00, 0x3c, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x70}; // d 1, m 0
    const uint8_t expected[24] = {0x00, 0x3c, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x07};
    uint8_t moved[24];
    cr_assert(rk__row_mover_of(RK_DTYPE_Q5_1, RK_DTYPE_Q5_1_V100)(moved, old, 32));
    cr_assert_arr_eq(moved, expected, 24);
    float read_right[32], read_wrong[32];
    rk__row_decoder_of(RK_DTYPE_Q5_1_V100)(read_right, old, 32);
    rk__row_decoder_of(RK_DTYPE_Q5_1)(read_wrong, old, 32);
    cr_assert_eq(read_right[1], 23.0f);
    cr_assert_eq(read_right[16], 0.0f);
    cr_assert_eq(read_wrong[1], 16.0f);
    cr_assert_eq(read_wrong[16], 7.0f);
}

Test(block_move, between_different_formats_there_is_none) {
    cr_assert_null(rk__row_mover_of(RK_DTYPE_Q4_1, RK_DTYPE_Q4_0_V100));
    cr_assert_null(rk__row_mover_of(RK_DTYPE_Q4_0, RK_DTYPE_Q4_2_V100));
    cr_assert_null(rk__row_mover_of(RK_DTYPE_Q4_1, RK_DTYPE_Q4_1_O_V100));
    cr_assert_null(rk__row_mover_of(RK_DTYPE_Q8_0, RK_DTYPE_Q8_0));
    cr_assert_null(rk__row_mover_of(RK_DTYPE_F16, RK_DTYPE_F32));
}
