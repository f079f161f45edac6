// What the layers of a model take in memory, by the types that a stage would hold them in.
#ifndef RK_WEIGH_LAYERS_H
#define RK_WEIGH_LAYERS_H

#include "stage/placement.h"
#include "weights/weights.h"

// Fills *out, whose slots have room for n_layer + 1. Types that only files have count as the FP32
// that they become.
rk_status rk__weigh_layers(rk__layer_bytes *out, const rk__weights *weights, bool keep_types,
                           rk_dtype dtype, rk_error *err);

// The type that tensor `index` of the plan is held in; types as rk__weights_plan_types gives them,
// or NULL: those of the file.
rk_dtype rk__held_type(const rk__weights *weights, const rk_dtype *types, size_t index);

#endif
