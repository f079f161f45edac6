// Looks for values that are no numbers: infinities and NaN have all bits of the exponent set.
//
// The loops have no early end, so that the compiler can take many values at a time.
#include "tensor/finite.h"

#include <stddef.h>
#include <string.h>

#include "tensor/blocks.h"

static bool halves_are_finite(const uint8_t *values, size_t n, uint16_t exponent) {
    unsigned bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, values + i * sizeof bits, sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return bad == 0;
}

static bool floats_are_finite(const uint8_t *values, size_t n) {
    const uint32_t exponent = 0x7f800000;
    unsigned bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, values + i * sizeof bits, sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return bad == 0;
}

// Blocks begin with their step, and those with a minimum have it next, in FP16 or float32; codes
// are always numbers.
static bool blocks_are_finite(rk_dtype dtype, const uint8_t *values, size_t n, size_t n_halves,
                              size_t n_floats) {
    const rk_dtype_info *info = rk_dtype_describe(dtype);
    bool finite = true;
    for (size_t i = 0; i < n / info->block_values; i++) {
        const uint8_t *block = values + i * info->block_bytes;
        finite &= halves_are_finite(block, n_halves, 0x7c00);
        finite &= floats_are_finite(block, n_floats);
    }
    return finite;
}

// Step, minimum, and the outlier behind its index, which may be any number.
static bool outlier_blocks_are_finite(const uint8_t *values, size_t n) {
    bool finite = true;
    for (size_t i = 0; i < n; i += RK__BLOCK, values += sizeof(rk__block_q4_1_o_v100)) {
        finite &= halves_are_finite(values, 2, 0x7c00);
        finite &= halves_are_finite(values + offsetof(rk__block_q4_1_o_v100, outlier), 1, 0x7c00);
    }
    return finite;
}

bool rk__values_are_finite(rk_dtype dtype, const void *values, size_t n) {
    switch (dtype) {
    case RK_DTYPE_F32:
        return floats_are_finite(values, n);
    case RK_DTYPE_F16:
        return halves_are_finite(values, n, 0x7c00);
    case RK_DTYPE_BF16:
        return halves_are_finite(values, n, 0x7f80);
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
    default:
        return true;
    }
}
