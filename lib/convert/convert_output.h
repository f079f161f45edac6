// How the records of a whole-file job lie in its output: a model file, or a safetensors checkpoint.
#ifndef RK_CONVERT_OUTPUT_H
#define RK_CONVERT_OUTPUT_H

#include "base/file.h"
#include "convert/convert_plan.h"

// The types that a checkpoint's tensors get, *types[i] of tensor i; owned by the caller (rk__free).
rk_status rk__checkpoint_types(const rk__weights *weights, const rk_convert_options *options,
                               rk_dtype **types, rk_error *err);

// Bytes of the whole output.
rk_status rk__convert_output_bytes(const rk__convert_plan *c, uint64_t *out, rk_error *err);

// Writes what stands before all records, and before one of them.
rk_status rk__convert_begin_output(const rk__convert_plan *c, rk__output *output, rk_error *err);
rk_status rk__convert_begin_record(const rk__convert_plan *c, rk__output *output,
                                   const rk__convert_record *record, rk_error *err);

#endif
