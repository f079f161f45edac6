// The table of types: sizes, names, bytes of rows.
#include <criterion/criterion.h>
#include <stdint.h>

#include "rk/tensor.h"
#include "tensor/convert_row.h"

typedef struct expectation {
    rk_dtype dtype;
    const char *name;
    size_t block_values, block_bytes;
    rk_dtype_class class_;
} expectation;

// From docs/formats.md, independent of the library's table.
static const expectation expected[] = {
    {RK_DTYPE_F32, "FP32", 1, 4, RK_CLASS_FLOAT},
    {RK_DTYPE_F16, "FP16", 1, 2, RK_CLASS_FLOAT},
    {RK_DTYPE_BF16, "BF16", 1, 2, RK_CLASS_FLOAT},
    {RK_DTYPE_Q4_0, "Q4_0", 32, 18, RK_CLASS_BLOCK},
    {RK_DTYPE_Q4_1, "Q4_1", 32, 20, RK_CLASS_BLOCK},
    {RK_DTYPE_Q5_0, "Q5_0", 32, 22, RK_CLASS_BLOCK},
    {RK_DTYPE_Q5_1, "Q5_1", 32, 24, RK_CLASS_BLOCK},
    {RK_DTYPE_Q8_0, "Q8_0", 32, 34, RK_CLASS_BLOCK},
    {RK_DTYPE_Q4_0_V100, "Q4_0 (v100)", 32, 20, RK_CLASS_BLOCK},
    {RK_DTYPE_Q4_1_V100, "Q4_1 (v100)", 32, 24, RK_CLASS_BLOCK},
    {RK_DTYPE_Q4_1_O_V100, "Q4_1_O (v100)", 32, 24, RK_CLASS_BLOCK},
    {RK_DTYPE_Q4_2_V100, "Q4_2 (v100)", 16, 10, RK_CLASS_BLOCK},
    {RK_DTYPE_Q4_3_V100, "Q4_3 (v100)", 16, 12, RK_CLASS_BLOCK},
    {RK_DTYPE_Q5_0_V100, "Q5_0 (v100)", 32, 22, RK_CLASS_BLOCK},
    {RK_DTYPE_Q5_1_V100, "Q5_1 (v100)", 32, 24, RK_CLASS_BLOCK},
    {RK_DTYPE_Q8_0_V100, "Q8_0 (v100)", 32, 36, RK_CLASS_BLOCK},
    {RK_DTYPE_F64, "FP64", 1, 8, RK_CLASS_FLOAT},
    {RK_DTYPE_I64, "INT64", 1, 8, RK_CLASS_INTEGER},
    {RK_DTYPE_I32, "INT32", 1, 4, RK_CLASS_INTEGER},
    {RK_DTYPE_I16, "INT16", 1, 2, RK_CLASS_INTEGER},
    {RK_DTYPE_I8, "INT8", 1, 1, RK_CLASS_INTEGER},
    {RK_DTYPE_U8, "UINT8", 1, 1, RK_CLASS_INTEGER},
    {RK_DTYPE_BOOL, "BOOL", 1, 1, RK_CLASS_INTEGER},
};

static const size_t n_expected = sizeof expected / sizeof expected[0];

Test(dtype, table_is_what_the_formats_say) {
    cr_assert_eq(n_expected, (size_t)RK_DTYPE_COUNT, "a type is missing here");
    for (size_t i = 0; i < n_expected; i++) {
        const rk_dtype_info *const info = rk_dtype_describe(expected[i].dtype);
        cr_assert_str_eq(info->name, expected[i].name);
        cr_assert_eq(info->block_values, expected[i].block_values, "%s", info->name);
        cr_assert_eq(info->block_bytes, expected[i].block_bytes, "%s", info->name);
        cr_assert_eq(info->class_, expected[i].class_, "%s", info->name);
    }
}

Test(dtype, every_type_decodes_and_those_of_model_files_encode) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        const char *const name = rk_dtype_describe((rk_dtype)i)->name;
        cr_assert_not_null(rk__row_decoder_of((rk_dtype)i), "%s", name);
        cr_assert_eq(rk__row_encoder_of((rk_dtype)i) != NULL, i <= RK_DTYPE_Q8_0_V100, "%s", name);
    }
}

static void check_parse(const char *name, rk_dtype dtype) {
    rk_dtype parsed = RK_DTYPE_COUNT;
    cr_assert(rk_dtype_parse(&parsed, name), "%s", name);
    cr_assert_eq(parsed, dtype, "%s was taken for %s", name, rk_dtype_describe(parsed)->name);
}

Test(dtype, names_are_read_in_every_spelling) {
    static const char *const f32[] = {"FP32", "fp32", "F32", "f32", "float32", "Float32", "float"};
    static const char *const f16[] = {"FP16", "fp16", "F16", "f16", "float16", "half", "HALF"};
    for (size_t i = 0; i < 7; i++) check_parse(f32[i], RK_DTYPE_F32);
    for (size_t i = 0; i < 7; i++) check_parse(f16[i], RK_DTYPE_F16);
    check_parse("BF16", RK_DTYPE_BF16);
    check_parse("bfloat16", RK_DTYPE_BF16);
    check_parse("Q4_0", RK_DTYPE_Q4_0);
    check_parse("q4_0", RK_DTYPE_Q4_0);
    check_parse("q4_1", RK_DTYPE_Q4_1);
    check_parse("Q5_0", RK_DTYPE_Q5_0);
    check_parse("q5_1", RK_DTYPE_Q5_1);
    check_parse("q8_0", RK_DTYPE_Q8_0);
    check_parse("int8", RK_DTYPE_Q8_0);
    check_parse("I8", RK_DTYPE_Q8_0);
}

Test(dtype, other_names_are_refused) {
    static const char *const names[] = {"",      " FP16",  "FP16 ", "FP1",  "FP160",
                                        "Q4_2",  "Q4_1_O", "Q4_3",  "FP64", "Q4_0 (v100)",
                                        "INT16", "bool",   "2",     "Q4",   "Q4-0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rk_dtype parsed = RK_DTYPE_I16;
        cr_assert_not(rk_dtype_parse(&parsed, names[i]), "'%s'", names[i]);
        cr_assert_eq(parsed, RK_DTYPE_I16, "changed by '%s'", names[i]);
    }
}

static void check_parse_stored(const char *name, rk_dtype dtype) {
    rk_dtype parsed = RK_DTYPE_COUNT;
    cr_assert(rk_dtype_parse_stored(&parsed, name), "%s", name);
    cr_assert_eq(parsed, dtype, "%s was taken for %s", name, rk_dtype_describe(parsed)->name);
}

Test(dtype, names_of_stored_types) {
    check_parse_stored("float32", RK_DTYPE_F32);
    check_parse_stored("FP16", RK_DTYPE_F16);
    check_parse_stored("int8", RK_DTYPE_Q8_0);
    check_parse_stored("Q4_0", RK_DTYPE_Q4_0);
    check_parse_stored("Q4_1_O", RK_DTYPE_Q4_1_O_V100);
    check_parse_stored("q4_2", RK_DTYPE_Q4_2_V100);
    check_parse_stored("q4_3", RK_DTYPE_Q4_3_V100);
    static const rk_dtype by_id[] = {RK_DTYPE_Q4_0,      RK_DTYPE_Q4_1,      RK_DTYPE_Q4_1_O_V100,
                                     RK_DTYPE_Q4_2_V100, RK_DTYPE_Q4_3_V100, RK_DTYPE_Q5_0,
                                     RK_DTYPE_Q5_1,      RK_DTYPE_Q8_0};
    for (size_t i = 0; i < sizeof by_id / sizeof by_id[0]; i++) {
        check_parse_stored((const char[]){(char)('2' + i), '\0'}, by_id[i]);
    }
    static const char *const others[] = {"BF16", "bfloat16", "0", "1", "10", "Q8_1", "Q4_4", ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        rk_dtype parsed = RK_DTYPE_I16;
        cr_assert_not(rk_dtype_parse_stored(&parsed, others[i]), "'%s'", others[i]);
        cr_assert_eq(parsed, RK_DTYPE_I16);
    }
}

static void check_version(rk_dtype dtype, unsigned version, rk_dtype expected_dtype) {
    rk_dtype found = RK_DTYPE_COUNT;
    cr_assert_eq(rk_dtype_in_version(&found, dtype, version), expected_dtype != RK_DTYPE_COUNT,
                 "%s in version %u", rk_dtype_describe(dtype)->name, version);
    cr_assert_eq(found, expected_dtype, "%s in version %u", rk_dtype_describe(dtype)->name,
                 version);
}

Test(dtype, formats_in_both_versions) {
    static const rk_dtype pairs[][2] = {{RK_DTYPE_Q4_0, RK_DTYPE_Q4_0_V100},
                                        {RK_DTYPE_Q4_1, RK_DTYPE_Q4_1_V100},
                                        {RK_DTYPE_Q5_0, RK_DTYPE_Q5_0_V100},
                                        {RK_DTYPE_Q5_1, RK_DTYPE_Q5_1_V100},
                                        {RK_DTYPE_Q8_0, RK_DTYPE_Q8_0_V100}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            check_version(pairs[i][k], 101, pairs[i][0]);
            check_version(pairs[i][k], 100, pairs[i][1]);
        }
        cr_assert_eq(rk_dtype_version(pairs[i][0]), 101u);
        cr_assert_eq(rk_dtype_version(pairs[i][1]), 100u);
    }
    for (unsigned version = 100; version <= 101; version++) {
        check_version(RK_DTYPE_F32, version, RK_DTYPE_F32);
        check_version(RK_DTYPE_F16, version, RK_DTYPE_F16);
        check_version(RK_DTYPE_BF16, version, RK_DTYPE_COUNT);
        check_version(RK_DTYPE_I8, version, RK_DTYPE_COUNT);
    }
    check_version(RK_DTYPE_Q4_1_O_V100, 100, RK_DTYPE_Q4_1_O_V100);
    check_version(RK_DTYPE_Q4_1_O_V100, 101, RK_DTYPE_COUNT);
    check_version(RK_DTYPE_Q4_2_V100, 101, RK_DTYPE_COUNT);
    check_version(RK_DTYPE_Q4_3_V100, 101, RK_DTYPE_COUNT);
}

Test(dtype, bytes_of_a_row) {
    size_t bytes;
    cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_F32, 5));
    cr_assert_eq(bytes, 20u);
    cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q4_0, 4096));
    cr_assert_eq(bytes, 2304u);
    cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q4_2_V100, 48));
    cr_assert_eq(bytes, 30u);
    cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q8_0, 0));
    cr_assert_eq(bytes, 0u);
}

Test(dtype, rows_that_are_no_whole_blocks_are_refused) {
    for (size_t columns = 0; columns < 100; columns++) {
        size_t bytes;
        cr_assert_eq(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q5_1, columns), columns % 32 == 0);
        cr_assert_eq(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q4_3_V100, columns), columns % 16 == 0);
        cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_BF16, columns));
    }
}

Test(dtype, rows_too_long_for_size_t_are_refused) {
    size_t bytes = 1;
    cr_assert_not(rk_dtype_row_bytes(&bytes, RK_DTYPE_F32, SIZE_MAX / 4 + 1));
    cr_assert_eq(bytes, 0u);
    cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_F32, SIZE_MAX / 4));
    cr_assert_eq(bytes, SIZE_MAX / 4 * 4);
    const size_t most = SIZE_MAX / 34 * 32;
    cr_assert(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q8_0, most));
    cr_assert_not(rk_dtype_row_bytes(&bytes, RK_DTYPE_Q8_0, most + 32));
}
