// The type plan: which tensor of a model gets which type. Files are written by it, and models are
// brought to another type by it while they are loaded, so that both give the same values.
#ifndef RK_ARCH_TYPE_PLAN_H
#define RK_ARCH_TYPE_PLAN_H

#include "arch/arch.h"
#include "rk/mix.h"

// The tensors of a model, as a file has them.
typedef struct rk__stored_model {
    const rk__arch_plan *plan;
    const rk_tensor_info *tensors; // of the file, in its order
    const char *where;             // its path, for messages
    bool is_model_file;
} rk__stored_model;

// What is wanted of them.
typedef struct rk__type_request {
    // Keep the stored types, or the nearest ones that model files of this version have; target and
    // mix are then not looked at.
    bool keep;
    rk_dtype target;  // FP32, FP16, BF16 or a block format of this version
    unsigned version; // of model files, 100 or 101: the layout of all block formats
    rk_mix mix;
    const rk_type_rule *rules; // [n_rules]
    size_t n_rules;
} rk__type_request;

// Writes types[i] for tensor i of the plan. A rule that cannot be followed is an error that names
// the tensor; one that matches no tensor is an error too (ERR_ARGUMENT).
rk_status rk__type_plan(rk_dtype *types, const rk__stored_model *model,
                        const rk__type_request *request, rk_error *err);

// What one tensor gets by the reference mix: the rule that the others start from.
rk_dtype rk__reference_type(const rk__arch_row *row, size_t columns, rk_dtype stored,
                            rk_dtype target, bool model_file);

// Do rows of so many values fit a type?
bool rk__type_fits(rk_dtype dtype, size_t columns);

#endif
