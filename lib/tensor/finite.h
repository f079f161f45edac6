// Looks for values that are no numbers.
#ifndef RK_TENSOR_FINITE_H
#define RK_TENSOR_FINITE_H

#include "rk/tensor.h"

// Is every one of the n values at `values` (whole blocks of a block format) finite? Integers always
// are.
bool rk__values_are_finite(rk_dtype dtype, const void *values, size_t n);

#endif
