// Blocks from one version's layout of model files to the other's, their codes as they are.
#ifndef RK_TENSOR_BLOCK_MOVE_H
#define RK_TENSOR_BLOCK_MOVE_H

#include <stdbool.h>
#include <stddef.h>

#include "rk/tensor.h"

// Moves n values (whole blocks) from `row` to `out`, which do not overlap. True when `out` stands
// for the same values. False when a step or a minimum in float32 is no number of FP16, which the
// new layout has: it is rounded to nearest then.
typedef bool (*rk__row_mover)(void *out, const void *row, size_t n);

// NULL where the two are not the same format in different versions.
rk__row_mover rk__row_mover_of(rk_dtype to, rk_dtype from);

#endif
