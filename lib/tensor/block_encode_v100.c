// Encoders of the block formats of version 100 model files, for the programs of spring 2023: the
// rounding of those of April for Q4_0, Q4_1, Q4_1_O, Q4_2 and Q4_3, of those of May for Q5_0, Q5_1
// and Q8_0 (docs/formats.md section 2.3), byte by byte.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/pack_codes.h"
#include "tensor/round_codes.h"
#include "tensor/row_functions.h"

// The code 8 means zero, and the value of largest magnitude gets code 1 or 15.
static uint8_t code_around_eight(float x) {
    const int code = rk__nearest_code(x);
    return (uint8_t)(8 + (code < -7 ? -7 : code > 7 ? 7 : code));
}

void rk__encode_q4_0_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_0_v100)) {
        rk__block_q4_0_v100 block;
        uint8_t codes[RK__BLOCK];
        const float d = fabsf(rk__signed_extreme(values + i, RK__BLOCK)) / 7.0f;
        const float inverse = rk__reciprocal(d);
        for (size_t j = 0; j < RK__BLOCK; j++)
            codes[j] = code_around_eight(values[i + j] * inverse);
        rk__store_f32le(block.d, d);
        rk__pack_pairs(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

// The code of 0 .. 15 nearest to x, halves away from zero.
static uint8_t nearest_of_sixteen(float x) {
    return rk__code_below(roundf(x), 15);
}

void rk__encode_q4_1_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1_v100)) {
        rk__block_q4_1_v100 block;
        uint8_t codes[RK__BLOCK];
        const rk__line fit = rk__line_between_extremes(values + i, RK__BLOCK, 15);
        const float inverse = rk__reciprocal(fit.d);
        for (size_t j = 0; j < RK__BLOCK; j++) {
            codes[j] = nearest_of_sixteen((values[i + j] - fit.m) * inverse);
        }
        rk__store_f32le(block.d, fit.d);
        rk__store_f32le(block.m, fit.m);
        rk__pack_pairs(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

// The line of Q4_1 through all values but the outlier, which has the code 0.
static rk__line fit_around_outlier(uint8_t codes[RK__BLOCK], const float *values, size_t outlier) {
    float others[RK__BLOCK - 1];
    memcpy(others, values, outlier * sizeof others[0]);
    memcpy(others + outlier, values + outlier + 1, (RK__BLOCK - 1 - outlier) * sizeof others[0]);
    const rk__line fit = rk__line_between_extremes(others, RK__BLOCK - 1, 15);
    const float inverse = rk__reciprocal(fit.d);
    for (size_t j = 0; j < RK__BLOCK; j++) {
        codes[j] = nearest_of_sixteen((values[j] - fit.m) * inverse);
    }
    codes[outlier] = 0;
    return fit;
}

void rk__encode_q4_1_o_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q4_1_o_v100)) {
        rk__block_q4_1_o_v100 block = {.index = {0xff, 0xff}}; // of zeros
        const size_t outlier = rk__extreme_index(values + i, RK__BLOCK);
        if (outlier < RK__BLOCK) {
            uint8_t codes[RK__BLOCK];
            const rk__line fit = fit_around_outlier(codes, values + i, outlier);
            rk__store_f16le(block.d, fit.d);
            rk__store_f16le(block.m, fit.m);
            rk__store_u16le(block.index, (uint16_t)outlier);
            rk__store_f16le(block.outlier, values[i + outlier]);
            rk__pack_pairs(block.nibbles, codes, RK__BLOCK);
        }
        memcpy(bytes, &block, sizeof block);
    }
}

// ---- Q4_2 of April: a search among eight steps and their mirror images

typedef int8_t short_codes[RK__SHORT_BLOCK];

// The code of -8 .. 7 nearest to x, halves to even.
static int8_t short_code(float x) {
    const float rounded = rintf(x);
    if (!(rounded > -8.0f)) return isnan(x) ? 0 : -8;
    return rounded < 7.0f ? (int8_t)rounded : 7;
}

static void round_scaled(short_codes codes, const float *values, float scale, bool mirrored) {
    for (size_t i = 0; i < RK__SHORT_BLOCK; i++) {
        const float position = values[i] * scale;
        codes[i] = short_code(mirrored ? -position : position);
    }
}

static float sum_of_squares(const short_codes codes) {
    int sum = 0;
    for (size_t i = 0; i < RK__SHORT_BLOCK; i++) sum += codes[i] * codes[i];
    return (float)sum;
}

// (sum of values x codes)^2 / sum of codes^2: what the best step leaves of the squared error falls
// as this grows.
typedef struct score {
    float numerator, denominator;
} score;

static score score_of(const float *values, float scale, bool mirrored) {
    short_codes codes;
    round_scaled(codes, values, scale, mirrored);
    float product = 0.0f;
    for (size_t i = 0; i < RK__SHORT_BLOCK; i++) product += values[i] * (float)codes[i];
    return (score){product * product, sum_of_squares(codes)};
}

// The scale from values to codes that scores best; negative where the mirrored codes do.
static float best_scale(const float *values, float largest) {
    static const float factors[] = {8.7f, 8.3f, 8.1f, 7.8f, 7.3f, 7.0f, 6.3f, 5.7f};
    float best = 0.0f, found = 0.0f;
    for (size_t k = 0; k < sizeof factors / sizeof factors[0]; k++) {
        const float scale = factors[k] / largest;
        const score plain = score_of(values, scale, false);
        const score mirrored = score_of(values, scale, true);
        const bool is_plain =
            plain.numerator * mirrored.denominator > mirrored.numerator * plain.denominator;
        const score winner = is_plain ? plain : mirrored;
        if (winner.numerator > best * winner.denominator) {
            best = winner.numerator / winner.denominator;
            found = is_plain ? scale : -scale;
        }
    }
    return found;
}

// The codes of the best scale, and the step that suits them best. The programs that wrote such
// files summed this product with fused operations, which shows in the last bit of some steps.
static float search_step(short_codes codes, const float *values) {
    const float largest = fabsf(rk__signed_extreme(values, RK__SHORT_BLOCK));
    memset(codes, 0, sizeof(short_codes));
    if (!(largest > 0.0f)) return 1.0f;
    round_scaled(codes, values, best_scale(values, largest), false);
    float product = 0.0f;
    for (size_t i = 0; i < RK__SHORT_BLOCK; i++) {
        product = fmaf(values[i], (float)codes[i], product);
    }
    const float squares = sum_of_squares(codes);
    return squares > 0.0f ? product / squares : 1.0f;
}

void rk__encode_q4_2_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__SHORT_BLOCK, bytes += sizeof(rk__block_q4_2_v100)) {
        rk__block_q4_2_v100 block;
        short_codes found;
        uint8_t codes[RK__SHORT_BLOCK];
        rk__store_f16le(block.d, search_step(found, values + i));
        for (size_t j = 0; j < RK__SHORT_BLOCK; j++) codes[j] = (uint8_t)(found[j] + 8);
        rk__pack_pairs(block.nibbles, codes, RK__SHORT_BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

// ----

void rk__encode_q4_3_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__SHORT_BLOCK, bytes += sizeof(rk__block_q4_3_v100)) {
        rk__block_q4_3_v100 block;
        uint8_t codes[RK__SHORT_BLOCK];
        const rk__line fit = rk__codes_above_least(codes, values + i, RK__SHORT_BLOCK, 15);
        rk__store_f16le(block.d, fit.d);
        rk__store_f16le(block.m, fit.m);
        rk__pack_pairs(block.nibbles, codes, RK__SHORT_BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q5_0_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_0)) {
        rk__block_q5_0 block;
        uint8_t codes[RK__BLOCK];
        rk__store_f16le(block.d, rk__codes_around_zero(codes, values + i, RK__BLOCK, 16));
        rk__store_u32le(block.fifth_bits, rk__fifth_bits_of(codes));
        rk__pack_pairs(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q5_1_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q5_1)) {
        rk__block_q5_1 block;
        uint8_t codes[RK__BLOCK];
        const rk__line fit = rk__codes_above_least(codes, values + i, RK__BLOCK, 31);
        rk__store_f16le(block.d, fit.d);
        rk__store_f16le(block.m, fit.m);
        rk__store_u32le(block.fifth_bits, rk__fifth_bits_of(codes));
        rk__pack_pairs(block.nibbles, codes, RK__BLOCK);
        memcpy(bytes, &block, sizeof block);
    }
}

void rk__encode_q8_0_v100(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    for (size_t i = 0; i < n; i += RK__BLOCK, bytes += sizeof(rk__block_q8_0_v100)) {
        rk__block_q8_0_v100 block;
        const float d = fabsf(rk__signed_extreme(values + i, RK__BLOCK)) / 127.0f;
        const float inverse = rk__reciprocal(d);
        rk__store_f32le(block.d, d);
        for (size_t j = 0; j < RK__BLOCK; j++) {
            block.codes[j] = (uint8_t)rk__nearest_code(values[i + j] * inverse);
        }
        memcpy(bytes, &block, sizeof block);
    }
}
