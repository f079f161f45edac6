// Adds up the tensors of each layer.
#include "stage/weigh_layers.h"

#include "base/memory.h"

// Do models run in it?
static bool runs(rk_dtype dtype) {
    rk_dtype same;
    return rk_dtype_parse(&same, rk_dtype_describe(dtype)->name) && same == dtype;
}

rk_dtype rk__held_type(const rk__weights *weights, const rk_dtype *types, size_t index) {
    const rk__tensor_plan *tensor = &weights->plan.tensors[index];
    if (rk__arch_is_vector(tensor->row)) return RK_DTYPE_F32;
    const rk_dtype dtype = types != NULL ? types[index] : rk__weights_info(weights, tensor)->dtype;
    return runs(dtype) ? dtype : RK_DTYPE_F32;
}

static uint64_t tensor_bytes(const rk__tensor_plan *tensor, rk_dtype dtype) {
    size_t row_bytes = 0;
    const size_t columns = tensor->columns * (tensor->repeat == 0 ? 1 : tensor->repeat);
    if (!rk_dtype_row_bytes(&row_bytes, dtype, columns)) return 0; // refused when it is loaded
    return (uint64_t)row_bytes * tensor->rows;
}

static uint64_t *slot_of(rk__layer_bytes *out, const rk__weights *weights,
                         const rk__tensor_plan *tensor) {
    switch (tensor->row->place) {
    case RK__BEFORE_LAYERS:
        return &out->embedding;
    case RK__AFTER_LAYERS:
        return &out->slots[weights->plan.dims.n_layer];
    case RK__IN_LAYER:
        break;
    }
    return &out->slots[tensor->layer];
}

rk_status rk__weigh_layers(rk__layer_bytes *out, const rk__weights *weights, bool keep_types,
                           rk_dtype dtype, rk_error *err) {
    const rk__type_request request = {.target = dtype, .version = 101};
    rk_dtype *types = NULL;
    if (!keep_types) RK_TRY(rk__weights_plan_types(weights, &request, &types, err));
    out->embedding = 0;
    for (size_t i = 0; i <= weights->plan.dims.n_layer; i++) out->slots[i] = 0;
    for (size_t i = 0; i < weights->plan.n_tensors; i++) {
        const rk__tensor_plan *tensor = &weights->plan.tensors[i];
        *slot_of(out, weights, tensor) += tensor_bytes(tensor, rk__held_type(weights, types, i));
    }
    rk__free(types);
    return RK_OK;
}
