// The table of element types and block formats. A new block format is a row here and its functions.
#include "rk/tensor.h"

#include <assert.h>
#include <strings.h>

#include "base/memory.h"
#include "tensor/blocks.h"
#include "tensor/convert_row.h"
#include "tensor/row_functions.h"

enum { MAX_ALIASES = 4 };

typedef struct dtype_row {
    rk_dtype_info info;
    const char *aliases[MAX_ALIASES]; // other names; the first NULL ends them
    rk__row_decoder decode;
    rk__row_encoder encode; // NULL: only read
    bool runs;              // models run in this type: rk_dtype_parse accepts it
} dtype_row;

// clang-format off
static const dtype_row dtypes[RK_DTYPE_COUNT] = {
    [RK_DTYPE_F32] = {{"FP32", RK_CLASS_FLOAT, 1, 4},
        {"F32", "float32", "float"},  rk__decode_f32,          rk__encode_f32,    true},
    [RK_DTYPE_F16] = {{"FP16", RK_CLASS_FLOAT, 1, 2},
        {"F16", "float16", "half"},   rk__decode_f16,          rk__encode_f16,    true},
    [RK_DTYPE_BF16] = {{"BF16", RK_CLASS_FLOAT, 1, 2},
        {"bfloat16"},                 rk__decode_bf16,         rk__encode_bf16,   true},
    [RK_DTYPE_Q4_0] = {{"Q4_0", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q4_0)},
        {NULL},                       rk__decode_q4_0,         rk__encode_q4_0,   true},
    [RK_DTYPE_Q4_1] = {{"Q4_1", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q4_1)},
        {NULL},                       rk__decode_q4_1,         rk__encode_q4_1,   true},
    [RK_DTYPE_Q5_0] = {{"Q5_0", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q5_0)},
        {NULL},                       rk__decode_q5_0,         rk__encode_q5_0,   true},
    [RK_DTYPE_Q5_1] = {{"Q5_1", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q5_1)},
        {NULL},                       rk__decode_q5_1,         rk__encode_q5_1,   true},
    [RK_DTYPE_Q8_0] = {{"Q8_0", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q8_0)},
        {"int8", "i8"},               rk__decode_q8_0,         rk__encode_q8_0,   true},
    [RK_DTYPE_Q4_0_V100] = {{"Q4_0 (v100)", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q4_0_v100)},
        {NULL},                       rk__decode_q4_0_v100, rk__encode_q4_0_v100, false},
    [RK_DTYPE_Q4_1_V100] = {{"Q4_1 (v100)", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q4_1_v100)},
        {NULL},                       rk__decode_q4_1_v100, rk__encode_q4_1_v100, false},
    [RK_DTYPE_Q4_1_O_V100] = {{"Q4_1_O (v100)", RK_CLASS_BLOCK, RK__BLOCK,
        sizeof(rk__block_q4_1_o_v100)},
        {NULL},                       rk__decode_q4_1_o_v100, rk__encode_q4_1_o_v100, false},
    [RK_DTYPE_Q4_2_V100] = {{"Q4_2 (v100)", RK_CLASS_BLOCK, RK__SHORT_BLOCK,
        sizeof(rk__block_q4_2_v100)},
        {NULL},                       rk__decode_q4_2_v100, rk__encode_q4_2_v100, false},
    [RK_DTYPE_Q4_3_V100] = {{"Q4_3 (v100)", RK_CLASS_BLOCK, RK__SHORT_BLOCK,
        sizeof(rk__block_q4_3_v100)},
        {NULL},                       rk__decode_q4_3_v100, rk__encode_q4_3_v100, false},
    [RK_DTYPE_Q5_0_V100] = {{"Q5_0 (v100)", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q5_0)},
        {NULL},                       rk__decode_q5_0_v100, rk__encode_q5_0_v100, false},
    [RK_DTYPE_Q5_1_V100] = {{"Q5_1 (v100)", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q5_1)},
        {NULL},                       rk__decode_q5_1_v100, rk__encode_q5_1_v100, false},
    [RK_DTYPE_Q8_0_V100] = {{"Q8_0 (v100)", RK_CLASS_BLOCK, RK__BLOCK, sizeof(rk__block_q8_0_v100)},
        {NULL},                       rk__decode_q8_0_v100, rk__encode_q8_0_v100, false},
    [RK_DTYPE_F64] = {{"FP64", RK_CLASS_FLOAT, 1, 8},
        {NULL},                       rk__decode_f64,          NULL,              false},
    [RK_DTYPE_I64] = {{"INT64", RK_CLASS_INTEGER, 1, 8},
        {NULL},                       rk__decode_i64,          NULL,              false},
    [RK_DTYPE_I32] = {{"INT32", RK_CLASS_INTEGER, 1, 4},
        {NULL},                       rk__decode_i32,          NULL,              false},
    [RK_DTYPE_I16] = {{"INT16", RK_CLASS_INTEGER, 1, 2},
        {NULL},                       rk__decode_i16,          NULL,              false},
    [RK_DTYPE_I8] = {{"INT8", RK_CLASS_INTEGER, 1, 1},
        {NULL},                       rk__decode_i8,           NULL,              false},
    [RK_DTYPE_U8] = {{"UINT8", RK_CLASS_INTEGER, 1, 1},
        {NULL},                       rk__decode_u8,           NULL,              false},
    [RK_DTYPE_BOOL] = {{"BOOL", RK_CLASS_INTEGER, 1, 1},
        {NULL},                       rk__decode_bool,         NULL,              false},
};
// clang-format on

static const dtype_row *row_of(rk_dtype dtype) {
    assert((unsigned)dtype < RK_DTYPE_COUNT);
    return &dtypes[dtype];
}

const rk_dtype_info *rk_dtype_describe(rk_dtype dtype) {
    return &row_of(dtype)->info;
}

rk__row_decoder rk__row_decoder_of(rk_dtype dtype) {
    return row_of(dtype)->decode;
}

rk__row_encoder rk__row_encoder_of(rk_dtype dtype) {
    return row_of(dtype)->encode;
}

static bool is_called(const dtype_row *row, const char *name) {
    if (strcasecmp(row->info.name, name) == 0) return true;
    for (size_t i = 0; i < MAX_ALIASES && row->aliases[i] != NULL; i++) {
        if (strcasecmp(row->aliases[i], name) == 0) return true;
    }
    return false;
}

bool rk_dtype_parse(rk_dtype *out, const char *name) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        if (dtypes[i].runs && is_called(&dtypes[i], name)) {
            *out = (rk_dtype)i;
            return true;
        }
    }
    return false;
}

bool rk_dtype_row_bytes(size_t *out, rk_dtype dtype, size_t columns) {
    const rk_dtype_info *const info = rk_dtype_describe(dtype);
    *out = 0;
    if (columns % info->block_values != 0) return false;
    return rk_size_mul(out, columns / info->block_values, info->block_bytes);
}
