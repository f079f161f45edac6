// Looks for values that are no numbers: infinities and NaN have all bits of the exponent set. One
// added to the exponent then carries into the sign's place, whose bits are collected.
//
// The loops have no early end, so that the compiler can take many values at a time.
#include "tensor/finite.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/convert_row.h"

enum { LANES = 32 };

static const uint16_t f16_exponent = 0x7c00, bf16_exponent = 0x7f80;
static const uint32_t f32_exponent = 0x7f800000;

// With the highest bit set if the value is no number.
static inline uint16_t half_carry(const uint8_t *value, uint16_t exponent) {
    const uint16_t one = (uint16_t)(exponent & (0u - exponent));
    uint16_t bits;
    memcpy(&bits, value, sizeof bits);
    return (uint16_t)((bits & exponent) + one);
}

static inline uint32_t float_carry(const uint8_t *value) {
    uint32_t bits;
    memcpy(&bits, value, sizeof bits);
    return (bits & f32_exponent) + (f32_exponent & (0u - f32_exponent));
}

static bool halves_are_finite(const uint8_t *values, size_t n, uint16_t exponent) {
    uint16_t carries[LANES] = {0}, all = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) carries[j] |= half_carry(values + (i + j) * 2, exponent);
    }
    for (; i < n; i++) all |= half_carry(values + i * 2, exponent);
    for (size_t j = 0; j < LANES; j++) all |= carries[j];
    return all >> 15 == 0;
}

static bool floats_are_finite(const uint8_t *values, size_t n) {
    uint32_t carries[LANES] = {0}, all = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) carries[j] |= float_carry(values + (i + j) * 4);
    }
    for (; i < n; i++) all |= float_carry(values + i * 4);
    for (size_t j = 0; j < LANES; j++) all |= carries[j];
    return all >> 31 == 0;
}

// The halves, or floats, at the beginning of every `stride` bytes.
static bool halves_apart_are_finite(const uint8_t *values, size_t n, size_t stride) {
    uint16_t all = 0;
    for (size_t i = 0; i < n; i++) all |= half_carry(values + i * stride, f16_exponent);
    return all >> 15 == 0;
}

static bool floats_apart_are_finite(const uint8_t *values, size_t n, size_t stride) {
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++) all |= float_carry(values + i * stride);
    return all >> 31 == 0;
}

// Blocks begin with their step, and those with a minimum have it next, in FP16 or float32; codes
// are always numbers.
static bool blocks_are_finite(rk_dtype dtype, const uint8_t *values, size_t n, size_t n_halves,
                              size_t n_floats) {
    const rk_dtype_info *info = rk_dtype_describe(dtype);
    const size_t n_blocks = n / info->block_values;
    bool finite = true;
    for (size_t i = 0; i < n_halves; i++) {
        finite &= halves_apart_are_finite(values + i * 2, n_blocks, info->block_bytes);
    }
    for (size_t i = 0; i < n_floats; i++) {
        finite &= floats_apart_are_finite(values + i * 4, n_blocks, info->block_bytes);
    }
    return finite;
}

// Step, minimum, and the outlier behind its index, which may be any number.
static bool outlier_blocks_are_finite(const uint8_t *values, size_t n) {
    const size_t n_blocks = n / RK__BLOCK, stride = sizeof(rk__block_q4_1_o_v100);
    const uint8_t *outliers = values + offsetof(rk__block_q4_1_o_v100, outlier);
    return blocks_are_finite(RK_DTYPE_Q4_1_O_V100, values, n, 2, 0) &&
           halves_apart_are_finite(outliers, n_blocks, stride);
}

// Any type, by the values that it stands for.
static bool decoded_are_finite(rk_dtype dtype, const uint8_t *values, size_t n) {
    const rk_dtype_info *info = rk_dtype_describe(dtype);
    const rk__row_decoder decode = rk__row_decoder_of(dtype);
    float block[RK__BLOCK];
    bool finite = true;
    assert(info->block_values <= RK__BLOCK);
    for (size_t i = 0; i < n; i += info->block_values, values += info->block_bytes) {
        decode(block, values, info->block_values);
        finite &= floats_are_finite((const uint8_t *)block, info->block_values);
    }
    return finite;
}

bool rk__values_are_finite(rk_dtype dtype, const void *values, size_t n) {
    switch (dtype) {
    case RK_DTYPE_F32:
        return floats_are_finite(values, n);
    case RK_DTYPE_F16:
        return halves_are_finite(values, n, f16_exponent);
    case RK_DTYPE_BF16:
        return halves_are_finite(values, n, bf16_exponent);
    case RK_DTYPE_Q4_0:
    case RK_DTYPE_Q5_0:
    case RK_DTYPE_Q8_0:
    case RK_DTYPE_Q4_2_V100:
    case RK_DTYPE_Q5_0_V100:
        return blocks_are_finite(dtype, values, n, 1, 0);
    case RK_DTYPE_Q4_1:
    case RK_DTYPE_Q5_1:
    case RK_DTYPE_Q4_3_V100:
    case RK_DTYPE_Q5_1_V100:
        return blocks_are_finite(dtype, values, n, 2, 0);
    case RK_DTYPE_Q4_1_O_V100:
        return outlier_blocks_are_finite(values, n);
    case RK_DTYPE_Q4_0_V100:
    case RK_DTYPE_Q8_0_V100:
        return blocks_are_finite(dtype, values, n, 0, 1);
    case RK_DTYPE_Q4_1_V100:
        return blocks_are_finite(dtype, values, n, 0, 2);
    default: // right for whatever comes, not fast
        return rk_dtype_describe(dtype)->class_ == RK_CLASS_INTEGER ||
               decoded_are_finite(dtype, values, n);
    }
}
