// A model's fingerprint: its layer norms, which every quantization of a model keeps in float32.
#include <zlib.h>

#include "base/memory.h"
#include "model/model_internal.h"

// CRC-32 of the vectors called so, in the order of the layers.
static rk_status checksum_norms(const rk_model *model, const char *const *names, size_t n_names,
                                uint32_t *out, rk_error *err) {
    const rk__arch_plan *plan = &model->weights.plan;
    float *values = NULL;
    RK_TRY(rk__alloc((void **)&values, plan->dims.n_embd, sizeof values[0], err));
    uLong crc = crc32(0, NULL, 0);
    rk_status status = RK_OK;
    for (size_t layer = 0; status == RK_OK && layer < plan->dims.n_layer; layer++) {
        for (size_t i = 0; status == RK_OK && i < n_names; i++) {
            const rk__tensor_plan *tensor = rk__arch_plan_find(plan, names[i], layer);
            if (tensor == NULL) continue; // those around the layers are found with layer 0
            status = rk__weights_read_floats(&model->weights, tensor, 0, 1, values, err);
            crc = crc32_z(crc, (const Bytef *)values, plan->dims.n_embd * sizeof values[0]);
        }
    }
    rk__free(values);
    *out = (uint32_t)crc;
    return status;
}

rk_status rk__model_fingerprint(const rk_model *model, uint64_t *out, rk_error *err) {
    static const char *const weights[] = {"blocks.0.ln0.weight", "ln1.weight", "ln2.weight",
                                          "ln_out.weight"};
    static const char *const biases[] = {"blocks.0.ln0.bias", "ln1.bias", "ln2.bias",
                                         "ln_out.bias"};
    uint32_t high = 0;
    uint32_t low = 0;
    RK_TRY(checksum_norms(model, weights, 4, &high, err));
    RK_TRY(checksum_norms(model, biases, 4, &low, err));
    *out = ((uint64_t)high << 32) | low;
    return RK_OK;
}
