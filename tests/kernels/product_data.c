// Matrices and activations for checking products, and the products in double precision.
#include "product_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tensor/convert_row.h"
#include "tensor/half.h"

bool data_kind_is_exact(data_kind kind) {
    return kind == DATA_EXACT || kind == DATA_FULL || kind == DATA_ZEROS;
}

static bool is_block(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
}

static bool has_minimum(rk_dtype dtype) {
    return dtype == RK_DTYPE_Q4_1 || dtype == RK_DTYPE_Q5_1;
}

// ---- weights

// For DATA_EXTREME: as far as the type goes without the sum of all products leaving float32.
static float extreme_weight(rk_dtype dtype) {
    const int largest = dtype == RK_DTYPE_F16 ? 15 : 60;
    return ldexpf(check_random_float(-1.999f, 1.999f),
                  (int)check_random_below((size_t)largest * 2) - largest);
}

static float float_weight(rk_dtype dtype, data_kind kind) {
    switch (kind) {
    case DATA_RANDOM:
        return check_random_float(-2.0f, 2.0f);
    case DATA_EXACT:
        return (float)check_random_below(17) - 8.0f;
    case DATA_FULL:
        return check_random_below(2) == 0 ? -8.0f : 8.0f;
    case DATA_DENORMAL:
        return ldexpf(check_random_float(-1.0f, 1.0f), dtype == RK_DTYPE_F16 ? -15 : -127);
    case DATA_EXTREME:
        return extreme_weight(dtype);
    default:
        return 0.0f;
    }
}

// The step of a block, or its minimum.
static uint16_t block_number(data_kind kind) {
    const uint16_t sign = check_random_below(2) == 0 ? 0x8000 : 0;
    switch (kind) {
    case DATA_RANDOM:
        return rk__f16_from_float(check_random_float(-0.1f, 0.1f));
    case DATA_EXACT:
    case DATA_FULL:
        return (uint16_t)(sign | (check_random_below(2) == 0 ? 0x3c00 : 0x3800)); // 1, 0.5
    case DATA_DENORMAL:
        return (uint16_t)(sign | check_random_below(0x400));
    case DATA_EXTREME:
        return (uint16_t)(sign | check_random_below(0x7c00));
    default:
        return sign;
    }
}

static void fill_codes(data_kind kind, uint8_t *codes, size_t n, size_t row) {
    for (size_t i = 0; i < n; i++) codes[i] = (uint8_t)check_random();
    if (kind != DATA_FULL) return;
    // All bits set, none, alternating bytes, or the ends of a signed byte.
    for (size_t i = 0; i < n; i++) {
        switch (row % 5) {
        case 0:
            codes[i] = 0xff;
            break;
        case 1:
            codes[i] = 0x00;
            break;
        case 2:
            codes[i] = i % 2 == 0 ? 0xff : 0x00;
            break;
        case 3:
            codes[i] = 0x80;
            break;
        default:
            codes[i] = 0x7f;
            break;
        }
    }
}

static void fill_block(rk_dtype dtype, data_kind kind, uint8_t *block, size_t row) {
    const size_t codes = has_minimum(dtype) ? 4 : 2;
    rk__store_u16le(block, block_number(kind));
    if (has_minimum(dtype)) rk__store_u16le(block + 2, block_number(kind));
    fill_codes(kind, block + codes, rk_dtype_describe(dtype)->block_bytes - codes, row);
}

test_matrix test_matrix_new(rk_dtype dtype, data_kind kind, size_t n_rows, size_t columns) {
    const rk_dtype_info *const info = rk_dtype_describe(dtype);
    test_matrix m = {.dtype = dtype, .n_rows = n_rows, .columns = columns};
    m.row_bytes = columns / info->block_values * info->block_bytes;
    m.memory = check_alloc(1 + n_rows * m.row_bytes);
    m.rows = m.memory + 1;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t b = 0; b < columns / info->block_values; b++) {
            uint8_t *const at = m.rows + r * m.row_bytes + b * info->block_bytes;
            if (is_block(dtype)) {
                fill_block(dtype, kind, at, r);
            } else {
                const float weight = float_weight(dtype, kind);
                rk__row_encoder_of(dtype)(at, &weight, 1);
            }
        }
    }
    return m;
}

void test_matrix_free(test_matrix *matrix) {
    free(matrix->memory);
    *matrix = (test_matrix){0};
}

// ---- activations

static float float_activation(rk_dtype dtype, data_kind kind) {
    switch (kind) {
    case DATA_RANDOM:
        return check_random_float(-2.0f, 2.0f);
    case DATA_EXACT:
        return (float)check_random_below(17) - 8.0f;
    case DATA_FULL:
        return check_random_below(2) == 0 ? -8.0f : 8.0f;
    case DATA_DENORMAL:
        return check_random_float(-2.0f, 2.0f);
    case DATA_EXTREME:
        return ldexpf(check_random_float(-1.999f, 1.999f),
                      (int)check_random_below(100) - (dtype == RK_DTYPE_F16 ? 0 : 50));
    default:
        return check_random_float(-2.0f, 2.0f);
    }
}

static int8_t code_activation(data_kind kind, size_t token, size_t i) {
    if (kind != DATA_FULL) return (int8_t)((int)check_random_below(255) - 127);
    switch (token % 4) {
    case 0:
        return 127;
    case 1:
        return -127;
    case 2:
        return i % 2 == 0 ? 127 : -127;
    default:
        return check_random_below(2) == 0 ? 127 : -127;
    }
}

static float activation_scale(data_kind kind) {
    switch (kind) {
    case DATA_EXACT:
    case DATA_FULL:
        return check_random_below(2) == 0 ? 1.0f : 2.0f;
    case DATA_EXTREME:
        return ldexpf(check_random_float(1.0f, 2.0f), (int)check_random_below(160) - 80);
    case DATA_DENORMAL:
        return ldexpf(check_random_float(1.0f, 2.0f), -120);
    default:
        return check_random_float(0.0f, 0.05f);
    }
}

// Arrays of exactly their size, a few bytes off any alignment but their elements'.
static test_tokens float_tokens_alloc(size_t n_tokens, size_t columns) {
    test_tokens t = {.n_tokens = n_tokens, .columns = columns};
    t.memory[0] = check_alloc((n_tokens * columns + 1) * sizeof *t.x);
    t.x = (float *)t.memory[0] + 1;
    return t;
}

static test_tokens block_tokens_alloc(size_t n_tokens, size_t columns) {
    test_tokens t = {.n_tokens = n_tokens, .columns = columns};
    const size_t n_blocks = n_tokens * columns / RK__Q8_BLOCK;
    t.memory[0] = check_alloc((n_tokens * columns + 1) * sizeof *t.q);
    t.memory[1] = check_alloc((n_blocks + 1) * sizeof *t.scale);
    t.memory[2] = check_alloc((n_blocks + 1) * sizeof *t.qsum);
    t.q = (int8_t *)t.memory[0] + 1;
    t.scale = (float *)t.memory[1] + 1;
    t.qsum = (int32_t *)t.memory[2] + 1;
    return t;
}

static void add_up_codes(test_tokens *t) {
    for (size_t b = 0; b < t->n_tokens * t->columns / RK__Q8_BLOCK; b++) {
        t->qsum[b] = 0;
        for (size_t i = 0; i < RK__Q8_BLOCK; i++) t->qsum[b] += t->q[b * RK__Q8_BLOCK + i];
    }
}

test_tokens test_tokens_new(rk_dtype dtype, data_kind kind, size_t n_tokens, size_t columns) {
    const size_t n = n_tokens * columns;
    if (!is_block(dtype)) {
        test_tokens t = float_tokens_alloc(n_tokens, columns);
        for (size_t i = 0; i < n; i++) t.x[i] = float_activation(dtype, kind);
        return t;
    }
    test_tokens t = block_tokens_alloc(n_tokens, columns);
    for (size_t i = 0; i < n; i++) t.q[i] = code_activation(kind, i / columns, i);
    for (size_t b = 0; b < n / RK__Q8_BLOCK; b++) t.scale[b] = activation_scale(kind);
    add_up_codes(&t);
    return t;
}

test_tokens test_tokens_new_unit(rk_dtype dtype, size_t columns) {
    const size_t n = columns * columns;
    if (!is_block(dtype)) {
        test_tokens t = float_tokens_alloc(columns, columns);
        for (size_t i = 0; i < n; i++) t.x[i] = i / columns == i % columns ? 1.0f : 0.0f;
        return t;
    }
    test_tokens t = block_tokens_alloc(columns, columns);
    for (size_t i = 0; i < n; i++) t.q[i] = i / columns == i % columns ? 1 : 0;
    for (size_t b = 0; b < n / RK__Q8_BLOCK; b++) t.scale[b] = 1.0f;
    add_up_codes(&t);
    return t;
}

void test_tokens_free(test_tokens *tokens) {
    for (size_t i = 0; i < 3; i++) free(tokens->memory[i]);
    *tokens = (test_tokens){0};
}

rk__activations test_tokens_view(const test_tokens *t, size_t first) {
    const size_t n_blocks = t->columns / RK__Q8_BLOCK;
    if (t->x != NULL) return (rk__activations){.x = t->x + first * t->columns};
    return (rk__activations){
        .q = t->q + first * t->columns,
        .scale = t->scale + first * n_blocks,
        .qsum = t->qsum + first * n_blocks,
    };
}

// ---- products

// The code of value i of a block, the format's zero taken off.
static int code_of(rk_dtype dtype, const uint8_t *block, size_t i) {
    if (dtype == RK_DTYPE_Q8_0) return (int8_t)block[2 + i];
    const bool five = dtype == RK_DTYPE_Q5_0 || dtype == RK_DTYPE_Q5_1;
    const uint8_t *const high = block + (has_minimum(dtype) ? 4 : 2);
    const uint8_t *const nibbles = high + (five ? 4 : 0);
    int code = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
    if (five) code += 16 * (high[i / 8] >> i % 8 & 1);
    return dtype == RK_DTYPE_Q4_0 ? code - 8 : dtype == RK_DTYPE_Q5_0 ? code - 16 : code;
}

// d * scale and scale * qsum may become denormal and lose up to 2^-150, which isum and m then
// multiply.
static exact_product block_product(const test_matrix *m, size_t row, const test_tokens *t,
                                   size_t token) {
    const size_t n_blocks = m->columns / RK__Q8_BLOCK;
    const size_t block_bytes = rk_dtype_describe(m->dtype)->block_bytes;
    double value = 0, magnitude = 0, underflow = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = m->rows + row * m->row_bytes + b * block_bytes;
        const int8_t *const q = t->q + (token * n_blocks + b) * RK__Q8_BLOCK;
        const double scale = (double)t->scale[token * n_blocks + b];
        const double d = (double)rk__float_from_f16(rk__load_u16le(block));
        const double least =
            has_minimum(m->dtype) ? (double)rk__float_from_f16(rk__load_u16le(block + 2)) : 0;
        double isum = 0, qsum = 0;
        for (size_t i = 0; i < RK__Q8_BLOCK; i++) {
            isum += code_of(m->dtype, block, i) * q[i];
            qsum += q[i];
        }
        value += d * scale * isum + least * scale * qsum;
        magnitude += fabs(d * scale * isum) + fabs(least * scale * qsum);
        underflow += (fabs(isum) + fabs(least) + 4) * 0x1p-150;
    }
    const double roundings = 2.0 * (double)n_blocks + 3; // of the sum, and of one term
    return (exact_product){value, roundings * 0x1p-24 * magnitude + underflow};
}

static exact_product float_product(const test_matrix *m, size_t row, const test_tokens *t,
                                   size_t token) {
    const size_t value_bytes = rk_dtype_describe(m->dtype)->block_bytes;
    double value = 0, magnitude = 0;
    for (size_t c = 0; c < m->columns; c++) {
        float weight;
        rk__row_decoder_of(m->dtype)(&weight, m->rows + row * m->row_bytes + c * value_bytes, 1);
        const double term = (double)weight * (double)t->x[token * t->columns + c];
        value += term;
        magnitude += fabs(term);
    }
    const size_t run = m->columns < RK__FLOAT_RUN ? m->columns : RK__FLOAT_RUN;
    const size_t n_runs = m->columns / RK__FLOAT_RUN + 1;
    const double roundings = (double)(run + n_runs + 1);
    return (exact_product){value, roundings * 0x1p-24 * magnitude + (double)m->columns * 0x1p-149};
}

exact_product test_product(const test_matrix *matrix, size_t row, const test_tokens *tokens,
                           size_t token) {
    if (is_block(matrix->dtype)) return block_product(matrix, row, tokens, token);
    return float_product(matrix, row, tokens, token);
}
