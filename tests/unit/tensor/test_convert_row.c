// Rows of every type to float32 and back. Block formats are compared with files that other programs
// made (tests/data/golden); plain types with values written down here.
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tensor/convert_row.h"
#include "tensor/little_endian.h"

enum {
    ROWS = 20,
    COLUMNS = 256,
    DENORMAL_ROW = 19, // "fp32_denormal": its codes are undefined in C
};

typedef struct golden {
    const char *file;
    rk_dtype dtype;
    bool decoded_only; // made by a rule that we do not write by
} golden;

static const golden goldens[] = {
    {"v100-apr-Q4_0", RK_DTYPE_Q4_0_V100},
    {"v100-apr-Q4_1", RK_DTYPE_Q4_1_V100},
    {"v100-apr-Q4_1_O", RK_DTYPE_Q4_1_O_V100},
    {"v100-apr-Q4_2", RK_DTYPE_Q4_2_V100},
    {"v100-apr-Q4_3", RK_DTYPE_Q4_3_V100},
    {"v100-may-Q4_0", RK_DTYPE_Q4_0_V100, .decoded_only = true},
    {"v100-may-Q4_1", RK_DTYPE_Q4_1_V100},
    {"v100-may-Q4_2", RK_DTYPE_Q4_2_V100, .decoded_only = true},
    {"v100-may-Q5_0", RK_DTYPE_Q5_0_V100},
    {"v100-may-Q5_1", RK_DTYPE_Q5_1_V100},
    {"v100-may-Q8_0", RK_DTYPE_Q8_0_V100},
    {"v101-Q4_0", RK_DTYPE_Q4_0},
    {"v101-Q4_1", RK_DTYPE_Q4_1},
    {"v101-Q5_0", RK_DTYPE_Q5_0},
    {"v101-Q5_1", RK_DTYPE_Q5_1},
    {"v101-Q8_0", RK_DTYPE_Q8_0},
};

enum { N_GOLDENS = sizeof goldens / sizeof goldens[0] };

static void read_golden(const char *file, const char *suffix, void *out, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/%s%s", RK_TEST_DATA, file, suffix);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    cr_assert_eq(fread(out, 1, size, f), size, "%s is short", path);
    cr_assert_eq(fgetc(f), EOF, "%s is longer than %zu bytes", path, size);
    fclose(f);
}

static size_t row_bytes(rk_dtype dtype) {
    size_t bytes;
    cr_assert(rk_dtype_row_bytes(&bytes, dtype, COLUMNS));
    return bytes;
}

// The same bits; one NaN is as good as another.
static bool same_value(float a, float b) {
    return (isnan(a) && isnan(b)) || rk__bits_of_float(a) == rk__bits_of_float(b);
}

static void check_decoding(const golden *g) {
    uint8_t blocks[ROWS * COLUMNS * 2];
    static float expected[ROWS][COLUMNS];
    const size_t bytes = row_bytes(g->dtype);
    read_golden(g->file, ".bin", blocks, ROWS * bytes);
    read_golden(g->file, ".deq.f32", expected, sizeof expected);
    for (size_t r = 0; r < ROWS; r++) {
        float values[COLUMNS];
        rk__row_decoder_of(g->dtype)(values, blocks + r * bytes, COLUMNS);
        for (size_t c = 0; c < COLUMNS; c++) {
            cr_assert(same_value(values[c], expected[r][c]), "%s row %zu column %zu: %a, not %a",
                      g->file, r, c, (double)values[c], (double)expected[r][c]);
        }
    }
}

Test(convert_row, decodes_golden_blocks_bit_by_bit) {
    for (size_t i = 0; i < N_GOLDENS; i++) check_decoding(&goldens[i]);
}

static void check_encoding(const golden *g) {
    static float input[ROWS][COLUMNS];
    uint8_t expected[ROWS * COLUMNS * 2], blocks[COLUMNS * 2];
    const size_t bytes = row_bytes(g->dtype);
    const size_t block_bytes = rk_dtype_describe(g->dtype)->block_bytes;
    read_golden("input", ".f32", input, sizeof input);
    read_golden(g->file, ".bin", expected, ROWS * bytes);
    for (size_t r = 0; r < ROWS; r++) {
        if (r == DENORMAL_ROW) continue;
        rk__row_encoder_of(g->dtype)(blocks, input[r], COLUMNS);
        for (size_t i = 0; i < bytes; i++) {
            cr_assert_eq(blocks[i], expected[r * bytes + i],
                         "%s row %zu block %zu byte %zu: %02x, not %02x", g->file, r,
                         i / block_bytes, i % block_bytes, blocks[i], expected[r * bytes + i]);
        }
    }
}

Test(convert_row, encodes_golden_blocks_byte_by_byte) {
    for (size_t i = 0; i < N_GOLDENS; i++) {
        if (!goldens[i].decoded_only) check_encoding(&goldens[i]);
    }
}

// Steps in float32 stay what they are; one in FP16 becomes 0.
static bool has_float_step(rk_dtype dtype) {
    return dtype == RK_DTYPE_Q4_0_V100 || dtype == RK_DTYPE_Q4_1_V100 ||
           dtype == RK_DTYPE_Q8_0_V100;
}

// Denormal blocks have a step of 0 in the file, so whatever the codes are, the values are zeros (m
// itself is too small for FP16 as well).
Test(convert_row, encodes_denormal_blocks_as_zeros) {
    for (size_t i = 0; i < N_GOLDENS; i++) {
        if (has_float_step(goldens[i].dtype)) continue;
        static float input[ROWS][COLUMNS];
        uint8_t blocks[COLUMNS * 2];
        float values[COLUMNS];
        read_golden("input", ".f32", input, sizeof input);
        rk__row_encoder_of(goldens[i].dtype)(blocks, input[DENORMAL_ROW], COLUMNS);
        rk__row_decoder_of(goldens[i].dtype)(values, blocks, COLUMNS);
        for (size_t c = 0; c < COLUMNS; c++) {
            cr_assert_eq(values[c], 0.0f, "%s column %zu", goldens[i].file, c);
        }
    }
}

// The golden rows have no tie in Q8_0. With a largest value of 127 the step is 1 and codes are
// rounded values.
Test(convert_row, q8_0_rounds_halves_away_from_zero) {
    const float values[32] = {127.0f, 0.5f,  1.5f,   2.5f,    -0.5f,
                              -1.5f,  -2.5f, 126.5f, -126.5f, 0.49999997f};
    const int8_t codes[32] = {127, 1, 2, 3, -1, -2, -3, 127, -127, 0};
    uint8_t block[34];
    rk__row_encoder_of(RK_DTYPE_Q8_0)(block, values, 32);
    cr_assert_eq(rk__load_u16le(block), 0x3c00);
    for (size_t i = 0; i < 32; i++) cr_assert_eq((int8_t)block[2 + i], codes[i], "value %zu", i);
}

// Undefined input must still do nothing worse than write some block.
Test(convert_row, encoders_survive_what_is_not_finite) {
    const float specials[] = {NAN, -NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-45f, -0.0f};
    for (size_t i = 0; i < N_GOLDENS; i++) {
        uint8_t blocks[COLUMNS * 2];
        float values[COLUMNS];
        const size_t bytes = row_bytes(goldens[i].dtype);
        for (size_t c = 0; c < COLUMNS; c++) values[c] = specials[(c * 5 + c / 32) % 8];
        blocks[bytes] = 0xa5;
        rk__row_encoder_of(goldens[i].dtype)(blocks, values, COLUMNS);
        cr_assert_eq(blocks[bytes], 0xa5, "%s wrote behind the row", goldens[i].file);
    }
}

// The index of an outlier comes from a file. Beyond the block it must be ignored, not written to.
Test(convert_row, outlier_outside_of_its_block_is_ignored) {
    const uint16_t indices[] = {32, 33, 255, 0x7fff, 0x8000, 0xffff};
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        uint8_t block[24] = {0x00, 0x3c, 0x00, 0x40,
                             0,    0,    0x00, 0x7c}; // d 1, m 2, outlier infinity
        float values[33];
        rk__store_u16le(block + 4, indices[i]);
        values[32] = 5.0f;
        rk__row_decoder_of(RK_DTYPE_Q4_1_O_V100)(values, block, 32);
        for (size_t c = 0; c < 32; c++) cr_assert_eq(values[c], 2.0f, "index %u", indices[i]);
        cr_assert_eq(values[32], 5.0f);
    }
}

// What a block of zeros of either sign looks like, docs/formats.md section 2.3.
Test(convert_row, zero_blocks_of_every_rule) {
    static const struct {
        rk_dtype dtype;
        uint8_t head[8]; // up to the codes
        size_t n_head;
        uint8_t codes;
    } blocks[] = {
        {RK_DTYPE_Q4_0, {0x00, 0x80}, 2, 0x88},
        {RK_DTYPE_Q5_0, {0x00, 0x80, 0xff, 0xff, 0xff, 0xff}, 6, 0x00},
        {RK_DTYPE_Q8_0, {0x00, 0x00}, 2, 0x00},
        {RK_DTYPE_Q4_0_V100, {0}, 4, 0x88},
        {RK_DTYPE_Q4_1_O_V100, {0, 0, 0, 0, 0xff, 0xff, 0, 0}, 8, 0x00},
        {RK_DTYPE_Q4_2_V100, {0x00, 0x3c}, 2, 0x88},
        {RK_DTYPE_Q5_0_V100, {0x00, 0x80, 0xff, 0xff, 0xff, 0xff}, 6, 0x00},
        {RK_DTYPE_Q8_0_V100, {0}, 4, 0x00},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        const char *name = rk_dtype_describe(blocks[i].dtype)->name;
        const float zeros[32] = {0.0f, -0.0f};
        const size_t n = rk_dtype_describe(blocks[i].dtype)->block_values;
        const size_t bytes = rk_dtype_describe(blocks[i].dtype)->block_bytes;
        uint8_t block[36];
        float values[32];
        rk__row_encoder_of(blocks[i].dtype)(block, zeros, n);
        cr_assert_arr_eq(block, blocks[i].head, blocks[i].n_head, "%s", name);
        for (size_t b = blocks[i].n_head; b < bytes; b++) {
            cr_assert_eq(block[b], blocks[i].codes, "%s byte %zu", name, b);
        }
        rk__row_decoder_of(blocks[i].dtype)(values, block, n);
        for (size_t c = 0; c < n; c++) cr_assert_eq(values[c], 0.0f, "%s", name);
    }
}

// Steps and minima beyond FP16 are infinity in the file: such blocks decode to infinities and NaN,
// and nothing worse. That the golden rows with such values decode alike is checked above.
Test(convert_row, infinite_steps_decode_to_infinities_and_nan) {
    const uint8_t q4_0[18] = {0x00, 0x7c, 0x80}; // codes 0 and 8 first
    float values[32];
    rk__row_decoder_of(RK_DTYPE_Q4_0)(values, q4_0, 32);
    cr_assert_eq(values[0], -INFINITY);
    cr_assert(isnan(values[16]), "%g", (double)values[16]);
    const uint8_t q4_3[12] = {0x00, 0x3c, 0x00, 0xfc}; // d 1, m -infinity
    rk__row_decoder_of(RK_DTYPE_Q4_3_V100)(values, q4_3, 16);
    for (size_t c = 0; c < 16; c++) cr_assert_eq(values[c], -INFINITY);
}

static void check_values(rk_dtype dtype, const void *bytes, const float *expected, size_t n) {
    // An odd address: rows lie anywhere in a file.
    uint8_t shifted[129];
    float values[16];
    const size_t size = n * rk_dtype_describe(dtype)->block_bytes;
    memcpy(shifted + 1, bytes, size);
    rk__row_decoder_of(dtype)(values, shifted + 1, n);
    for (size_t i = 0; i < n; i++) {
        cr_assert(same_value(values[i], expected[i]), "%s[%zu]: %a, not %a",
                  rk_dtype_describe(dtype)->name, i, (double)values[i], (double)expected[i]);
    }
}

Test(convert_row, decodes_plain_floats) {
    const uint8_t f32[] = {0, 0, 0x80, 0x3f, 1, 0, 0, 0x80, 0, 0, 0xc0, 0x7f};
    check_values(RK_DTYPE_F32, f32, (float[]){1.0f, -0x1p-149f, NAN}, 3);
    const uint8_t f16[] = {0x00, 0x3c, 0x01, 0x80, 0xff, 0x7b, 0x00, 0xfc};
    check_values(RK_DTYPE_F16, f16, (float[]){1.0f, -0x1p-24f, 65504.0f, -INFINITY}, 4);
    const uint8_t bf16[] = {0x80, 0x3f, 0x49, 0xc0, 0x01, 0x00};
    check_values(RK_DTYPE_BF16, bf16, (float[]){1.0f, -3.140625f, 0x1p-133f}, 3);
    const double f64[] = {0.1, 1e300, -1e-300, 16777217.0, 16777219.0};
    check_values(RK_DTYPE_F64, f64, (float[]){0.1f, INFINITY, -0.0f, 16777216.0f, 16777220.0f}, 5);
}

Test(convert_row, decodes_integers) {
    const int64_t i64[] = {0, -1, 16777217, 16777219, INT64_MIN, INT64_MAX};
    check_values(RK_DTYPE_I64, i64, (float[]){0, -1, 16777216.0f, 16777220.0f, -0x1p63f, 0x1p63f},
                 6);
    const int32_t i32[] = {0, -1, 16777217, INT32_MIN, INT32_MAX};
    check_values(RK_DTYPE_I32, i32, (float[]){0, -1, 16777216.0f, -0x1p31f, 0x1p31f}, 5);
    const int16_t i16[] = {0, -1, INT16_MIN, INT16_MAX};
    check_values(RK_DTYPE_I16, i16, (float[]){0, -1, -32768, 32767}, 4);
    const uint8_t bytes[] = {0, 1, 127, 128, 255};
    check_values(RK_DTYPE_I8, bytes, (float[]){0, 1, 127, -128, -1}, 5);
    check_values(RK_DTYPE_U8, bytes, (float[]){0, 1, 127, 128, 255}, 5);
    check_values(RK_DTYPE_BOOL, bytes, (float[]){0, 1, 1, 1, 1}, 5);
}

Test(convert_row, encodes_plain_floats) {
    const float values[] = {1.0f, -0.0f, 65519.0f, 65520.0f, -1e-9f, NAN};
    uint8_t bytes[25] = {0};
    rk__row_encoder_of(RK_DTYPE_F32)(bytes + 1, values, 6);
    for (size_t i = 0; i < 6; i++) {
        cr_assert(same_value(rk__load_f32le(bytes + 1 + 4 * i), values[i]));
    }
    const uint16_t f16[] = {0x3c00, 0x8000, 0x7bff, 0x7c00, 0x8000, 0x7e00};
    rk__row_encoder_of(RK_DTYPE_F16)(bytes + 1, values, 6);
    for (size_t i = 0; i < 6; i++) cr_assert_eq(rk__load_u16le(bytes + 1 + 2 * i), f16[i]);
    const uint16_t bf16[] = {0x3f80, 0x8000, 0x4780, 0x4780, 0xb089, 0x7fc0};
    rk__row_encoder_of(RK_DTYPE_BF16)(bytes + 1, values, 6);
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(rk__load_u16le(bytes + 1 + 2 * i), bf16[i], "%zu: %04x", i,
                     rk__load_u16le(bytes + 1 + 2 * i));
    }
}
