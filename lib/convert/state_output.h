// Tuned initial states out of a model's file, into one of their own.
#ifndef RK_CONVERT_STATE_OUTPUT_H
#define RK_CONVERT_STATE_OUTPUT_H

#include "base/file.h"
#include "weights/weights.h"

// Writes the `blocks.N.att.time_state` of all layers as a safetensors file, float32, in the
// convention of checkpoints, as rk_state_load reads it.
rk_status rk__write_tuned_state(rk__output *output, const rk__weights *weights, rk_error *err);

#endif
