// Which tensor gets which type.
#include "arch/type_plan.h"

#include "arch/default_mix.h"
#include "arch/type_rules.h"

bool rk__type_fits(rk_dtype dtype, size_t columns) {
    return columns % rk_dtype_describe(dtype)->block_values == 0;
}

static bool is_block(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
}

rk_dtype rk__reference_type(const rk__arch_row *row, size_t columns, rk_dtype stored,
                            rk_dtype target, bool model_file) {
    if (rk__arch_is_vector(row)) return RK_DTYPE_F32;
    if (!is_block(target)) return row->keeps_fp32 ? RK_DTYPE_F32 : target;
    if (row->role == RK__MATRIX && rk__type_fits(target, columns)) return target;
    const bool keep = row->keeps_fp32 || (stored == RK_DTYPE_F32 && model_file);
    return keep ? RK_DTYPE_F32 : RK_DTYPE_F16;
}

// The type of model files that stands for a stored one.
static rk_dtype nearest_type(rk_dtype stored, unsigned version) {
    rk_dtype same;
    if (rk_dtype_in_version(&same, stored, version)) return same;
    switch (stored) {
    case RK_DTYPE_BF16: // of the same size; its values are exact in FP16 down to 2^-17
        return RK_DTYPE_F16;
    case RK_DTYPE_Q4_2_V100:
        return RK_DTYPE_Q4_0;
    case RK_DTYPE_Q4_1_O_V100:
    case RK_DTYPE_Q4_3_V100:
        return RK_DTYPE_Q4_1;
    default:
        return RK_DTYPE_F32;
    }
}

static rk_dtype kept_type(const rk__stored_model *model, const rk__tensor_plan *tensor,
                          unsigned version) {
    const rk_dtype stored = model->tensors[tensor->source].dtype;
    const rk_dtype nearest = nearest_type(stored, version);
    if (is_block(nearest) && !rk__arch_is_vector(tensor->row) &&
        rk__type_fits(nearest, tensor->columns)) {
        return nearest;
    }
    return rk__reference_type(tensor->row, tensor->columns, stored, nearest, model->is_model_file);
}

// What the mixes start from. Tensors that a block format does not reach, but which are in one, stay
// in it: making them wider would not bring back what they have lost.
static rk_dtype first_type(const rk__stored_model *model, const rk__tensor_plan *tensor,
                           const rk__type_request *request) {
    const rk_dtype stored = model->tensors[tensor->source].dtype;
    const rk_dtype target = request->target;
    const rk_dtype type =
        rk__reference_type(tensor->row, tensor->columns, stored, target, model->is_model_file);
    rk_dtype same;
    if (!is_block(target) || is_block(type) || !is_block(stored) ||
        rk__arch_is_vector(tensor->row) || !rk_dtype_in_version(&same, stored, request->version)) {
        return type;
    }
    return same;
}

// Is most of the model stored in the target's format already, in whichever version's layout?
static bool is_in_target(const rk__stored_model *model, const rk__type_request *request) {
    uint64_t in_target = 0, all = 0;
    for (size_t i = 0; i < model->plan->n_tensors; i++) {
        const rk__tensor_plan *tensor = &model->plan->tensors[i];
        const rk_dtype stored = model->tensors[tensor->source].dtype;
        if (tensor->row->role != RK__MATRIX) continue;
        const uint64_t values = (uint64_t)tensor->rows * tensor->columns;
        rk_dtype same;
        const bool is_same =
            rk_dtype_in_version(&same, stored, request->version) && same == request->target;
        all += values;
        in_target += is_same ? values : 0;
    }
    return is_block(request->target) && in_target > all / 2;
}

static bool is_reached_by_pure(const rk__tensor_plan *tensor, rk_dtype target) {
    return !rk__arch_is_vector(tensor->row) && rk__type_fits(target, tensor->columns);
}

static rk_dtype choose_type(const rk__stored_model *model, const rk__tensor_plan *tensor,
                            const rk__type_request *request) {
    if (request->keep) return kept_type(model, tensor, request->version);
    if (request->mix == RK_MIX_PURE && is_block(request->target) &&
        is_reached_by_pure(tensor, request->target)) {
        return request->target;
    }
    return first_type(model, tensor, request);
}

rk_status rk__type_plan(rk_dtype *types, const rk__stored_model *model,
                        const rk__type_request *request, rk_error *err) {
    rk__type_request wanted = *request;
    const bool mixes = !request->keep && request->mix == RK_MIX_DEFAULT;
    // Then there is nothing to mix: whoever asks for it wants a copy, or the other layout.
    wanted.keep |= mixes && is_in_target(model, request);
    for (size_t i = 0; i < model->plan->n_tensors; i++) {
        types[i] = choose_type(model, &model->plan->tensors[i], &wanted);
    }
    if (mixes && !wanted.keep) rk__apply_default_mix(types, model, request->target);
    return rk__apply_type_rules(types, model, request, err);
}
