// Cuts blocks apart.
#include "cuda/cuda_pack.h"

#include <string.h>

#include "tensor/blocks.h"

enum { STEP = 2, FIFTHS = 4, NIBBLES = 16 };

// In a file the parts of a block stand in this order: steps, fifth bits, codes.
rk__gpu_layout rk__gpu_layout_of(rk_dtype dtype) {
    switch (dtype) {
    case RK_DTYPE_Q4_0:
        return (rk__gpu_layout){RK__BLOCK, NIBBLES, STEP, 0};
    case RK_DTYPE_Q4_1:
        return (rk__gpu_layout){RK__BLOCK, NIBBLES, 2 * STEP, 0};
    case RK_DTYPE_Q5_0:
        return (rk__gpu_layout){RK__BLOCK, NIBBLES, STEP, FIFTHS};
    case RK_DTYPE_Q5_1:
        return (rk__gpu_layout){RK__BLOCK, NIBBLES, 2 * STEP, FIFTHS};
    case RK_DTYPE_Q8_0:
        return (rk__gpu_layout){RK__BLOCK, RK__BLOCK, STEP, 0};
    case RK_DTYPE_F32:
    case RK_DTYPE_F16:
    case RK_DTYPE_BF16:
        return (rk__gpu_layout){1, rk_dtype_describe(dtype)->block_bytes, 0, 0};
    default:
        return (rk__gpu_layout){0};
    }
}

void rk__gpu_pack(rk_dtype dtype, const uint8_t *blocks, size_t n_blocks, uint8_t *values,
                  uint8_t *steps, uint8_t *fifths) {
    const rk__gpu_layout l = rk__gpu_layout_of(dtype);
    if (l.steps == 0) {
        memcpy(values, blocks, n_blocks * l.values);
        return;
    }
    for (size_t b = 0; b < n_blocks; b++) {
        memcpy(steps + b * l.steps, blocks, l.steps);
        blocks += l.steps;
        if (l.fifths > 0) memcpy(fifths + b * l.fifths, blocks, l.fifths);
        blocks += l.fifths;
        memcpy(values + b * l.values, blocks, l.values);
        blocks += l.values;
    }
}

void rk__gpu_unpack(rk_dtype dtype, uint8_t *blocks, size_t n_blocks, const uint8_t *values,
                    const uint8_t *steps, const uint8_t *fifths) {
    const rk__gpu_layout l = rk__gpu_layout_of(dtype);
    if (l.steps == 0) {
        memcpy(blocks, values, n_blocks * l.values);
        return;
    }
    for (size_t b = 0; b < n_blocks; b++) {
        memcpy(blocks, steps + b * l.steps, l.steps);
        blocks += l.steps;
        if (l.fifths > 0) memcpy(blocks, fifths + b * l.fifths, l.fifths);
        blocks += l.fifths;
        memcpy(blocks, values + b * l.values, l.values);
        blocks += l.values;
    }
}
