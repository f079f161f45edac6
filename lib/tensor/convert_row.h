// Rows of values from any type to float32 and back: the scalar definition of every type and block
// format.
//
// kernels/ has faster versions of some of these, bit-equal where a table there says so.
#ifndef RK_TENSOR_CONVERT_ROW_H
#define RK_TENSOR_CONVERT_ROW_H

#include <stdbool.h>

#include "rk/tensor.h"

// out[0 .. n) = the n values at `row` (little-endian, no alignment needed). n is a multiple of the
// type's block. Integers and float64 are rounded to float32 (nearest even).
typedef void (*rk__row_decoder)(float *out, const void *row, size_t n);

// Writes n values in the type's layout to `row`. Floats round to nearest even, overflow becomes
// infinity, NaN stays NaN. Block formats use the reference rounding of docs/formats.md section 2.3;
// their inputs must be finite.
typedef void (*rk__row_encoder)(void *row, const float *values, size_t n);

// The decoder exists for every type; the encoder is NULL for types that are only read.
rk__row_decoder rk__row_decoder_of(rk_dtype dtype);
rk__row_encoder rk__row_encoder_of(rk_dtype dtype);

#endif
