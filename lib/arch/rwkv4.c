// RWKV-4: its tensors. Equations: docs/numerics.md.
#include "arch/arch_internal.h"

typedef rk__layer_rwkv4 layer;

static const rk__arch_row rows[] = {
    {"ln1.weight", "ln1.weight", "C", RK__VECTOR, offsetof(layer, common.ln1_weight)},
    {"ln1.bias", "ln1.bias", "C", RK__VECTOR, offsetof(layer, common.ln1_bias)},
    {"ln2.weight", "ln2.weight", "C", RK__VECTOR, offsetof(layer, common.ln2_weight)},
    {"ln2.bias", "ln2.bias", "C", RK__VECTOR, offsetof(layer, common.ln2_bias)},
    {"att.time_decay", "attention.time_decay", "C", RK__VECTOR, offsetof(layer, decay),
     RK__NEGATIVE_EXP},
    {"att.time_first", "attention.time_first", "C", RK__VECTOR, offsetof(layer, first)},
    {"att.time_mix_k", "attention.time_mix_key", "11C", RK__VECTOR, offsetof(layer, mix_k),
     .file_shape = "C"},
    {"att.time_mix_v", "attention.time_mix_value", "11C", RK__VECTOR, offsetof(layer, mix_v),
     .file_shape = "C"},
    {"att.time_mix_r", "attention.time_mix_receptance", "11C", RK__VECTOR, offsetof(layer, mix_r),
     .file_shape = "C"},
    {"att.key.weight", "attention.key.weight", "CC", RK__MATRIX, offsetof(layer, key)},
    {"att.value.weight", "attention.value.weight", "CC", RK__MATRIX, offsetof(layer, value)},
    {"att.receptance.weight", "attention.receptance.weight", "CC", RK__MATRIX,
     offsetof(layer, receptance)},
    {"att.output.weight", "attention.output.weight", "CC", RK__MATRIX, offsetof(layer, output)},
    {"ffn.time_mix_k", "feed_forward.time_mix_key", "11C", RK__VECTOR,
     offsetof(layer, common.ffn.mix_k), .file_shape = "C"},
    {"ffn.time_mix_r", "feed_forward.time_mix_receptance", "11C", RK__VECTOR,
     offsetof(layer, common.ffn.mix_r), .file_shape = "C"},
    {"ffn.key.weight", "feed_forward.key.weight", "FC", RK__MATRIX,
     offsetof(layer, common.ffn.key)},
    {"ffn.value.weight", "feed_forward.value.weight", "CF", RK__MATRIX,
     offsetof(layer, common.ffn.value)},
    {"ffn.receptance.weight", "feed_forward.receptance.weight", "CC", RK__MATRIX,
     offsetof(layer, common.ffn.receptance)},
};

// A layer's state: ffn_xx, att_xx, aa, bb, pp.
static size_t state_rows(const rk_dims *dims) {
    (void)dims;
    return 5;
}

// Everything is zero, but the exponent pp stands for the logarithm of an empty sum.
static void empty_state(float *state, const rk_dims *dims) {
    const float no_sum = -1e30F;
    for (size_t i = 0; i < 4 * dims->n_embd; i++) state[i] = 0.0F;
    for (size_t i = 4 * dims->n_embd; i < 5 * dims->n_embd; i++) state[i] = no_sum;
}

const rk__arch rk__arch_rwkv4 = {
    .id = RK_ARCH_RWKV4,
    .name = "RWKV-4",
    .marker = "blocks.0.att.time_mix_k",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .layer_bytes = sizeof(rk__layer_rwkv4),
    .state_rows = state_rows,
    .empty_state = empty_state,
};
