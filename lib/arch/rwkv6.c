// RWKV-6: its tensors. Equations: docs/numerics.md.
#include "arch/arch_internal.h"

#include <string.h>

typedef rk__layer_rwkv6 layer;

static const rk__arch_row rows[] = {
    {"ln1.weight", "ln1.weight", "C", RK__VECTOR, offsetof(layer, common.ln1_weight)},
    {"ln1.bias", "ln1.bias", "C", RK__VECTOR, offsetof(layer, common.ln1_bias)},
    {"ln2.weight", "ln2.weight", "C", RK__VECTOR, offsetof(layer, common.ln2_weight)},
    {"ln2.bias", "ln2.bias", "C", RK__VECTOR, offsetof(layer, common.ln2_bias)},
    {"att.time_maa_x", "attention.time_maa_x", "C", RK__VECTOR, offsetof(layer, maa_x)},
    {"att.time_maa_w", "attention.time_maa_w", "C", RK__VECTOR, offsetof(layer, maa[RK__RWKV6_W])},
    {"att.time_maa_k", "attention.time_maa_k", "C", RK__VECTOR, offsetof(layer, maa[RK__RWKV6_K])},
    {"att.time_maa_v", "attention.time_maa_v", "C", RK__VECTOR, offsetof(layer, maa[RK__RWKV6_V])},
    {"att.time_maa_r", "attention.time_maa_r", "C", RK__VECTOR, offsetof(layer, maa[RK__RWKV6_R])},
    {"att.time_maa_g", "attention.time_maa_g", "C", RK__VECTOR, offsetof(layer, maa[RK__RWKV6_G])},
    {"att.time_maa_w1", "attention.time_maa_w1", "CJ", RK__MATRIX, offsetof(layer, maa_in),
     RK__TRANSPOSE, .file_shape = "JC", .keeps_fp32 = true},
    {"att.time_maa_w2", "attention.time_maa_w2", "5MC", RK__ADAPTER,
     offsetof(layer, maa_out[RK__RWKV6_W]), RK__TRANSPOSE, .file_shape = "5CM", .part = RK__RWKV6_W,
     .n_parts = RK__RWKV6_MIXES, .keeps_fp32 = true},
    {"att.time_maa_w2", "attention.time_maa_w2", "5MC", RK__ADAPTER,
     offsetof(layer, maa_out[RK__RWKV6_K]), RK__TRANSPOSE, .file_shape = "5CM", .part = RK__RWKV6_K,
     .n_parts = RK__RWKV6_MIXES, .keeps_fp32 = true},
    {"att.time_maa_w2", "attention.time_maa_w2", "5MC", RK__ADAPTER,
     offsetof(layer, maa_out[RK__RWKV6_V]), RK__TRANSPOSE, .file_shape = "5CM", .part = RK__RWKV6_V,
     .n_parts = RK__RWKV6_MIXES, .keeps_fp32 = true},
    {"att.time_maa_w2", "attention.time_maa_w2", "5MC", RK__ADAPTER,
     offsetof(layer, maa_out[RK__RWKV6_R]), RK__TRANSPOSE, .file_shape = "5CM", .part = RK__RWKV6_R,
     .n_parts = RK__RWKV6_MIXES, .keeps_fp32 = true},
    {"att.time_maa_w2", "attention.time_maa_w2", "5MC", RK__ADAPTER,
     offsetof(layer, maa_out[RK__RWKV6_G]), RK__TRANSPOSE, .file_shape = "5CM", .part = RK__RWKV6_G,
     .n_parts = RK__RWKV6_MIXES, .keeps_fp32 = true},
    {"att.time_decay", "attention.time_decay", "C", RK__VECTOR, offsetof(layer, decay),
     .file_shape = "HN1"},
    {"att.time_decay_w1", "attention.time_decay_w1", "CW", RK__MATRIX, offsetof(layer, decay_in),
     RK__TRANSPOSE, .file_shape = "WC", .keeps_fp32 = true},
    {"att.time_decay_w2", "attention.time_decay_w2", "WC", RK__MATRIX, offsetof(layer, decay_out),
     RK__TRANSPOSE, .file_shape = "CW", .keeps_fp32 = true},
    {"att.time_faaaa", "attention.time_faaaa", "HN", RK__VECTOR, offsetof(layer, first),
     .file_shape = "HN1"},
    {"att.ln_x.weight", "attention.ln_x.weight", "C", RK__VECTOR, offsetof(layer, ln_x_weight)},
    {"att.ln_x.bias", "attention.ln_x.bias", "C", RK__VECTOR, offsetof(layer, ln_x_bias)},
    {"att.key.weight", "attention.key.weight", "CC", RK__MATRIX, offsetof(layer, key)},
    {"att.value.weight", "attention.value.weight", "CC", RK__MATRIX, offsetof(layer, value)},
    {"att.receptance.weight", "attention.receptance.weight", "CC", RK__MATRIX,
     offsetof(layer, receptance)},
    {"att.gate.weight", "attention.gate.weight", "CC", RK__MATRIX, offsetof(layer, gate)},
    {"att.output.weight", "attention.output.weight", "CC", RK__MATRIX, offsetof(layer, output)},
    {"att.time_state", NULL, "HNN", RK__STATE, offsetof(layer, common.time_state), RK__TRANSPOSE,
     .presence = RK__OPTIONAL},
    {"ffn.time_maa_k", "feed_forward.time_maa_k", "C", RK__VECTOR, offsetof(layer, ffn.mix_k)},
    {"ffn.time_maa_r", "feed_forward.time_maa_r", "C", RK__VECTOR, offsetof(layer, ffn.mix_r)},
    {"ffn.key.weight", "feed_forward.key.weight", "FC", RK__MATRIX, offsetof(layer, ffn.key)},
    {"ffn.value.weight", "feed_forward.value.weight", "CF", RK__MATRIX, offsetof(layer, ffn.value)},
    {"ffn.receptance.weight", "feed_forward.receptance.weight", "CC", RK__MATRIX,
     offsetof(layer, ffn.receptance)},
};

static const rk__relation relations[] = {{'C', "HN"}, {'J', "5M"}};

// A layer's state: ffn_xx, att_xx, then head after head a matrix of head_size squared,
// [key channel][value channel].
static size_t state_rows(const rk_dims *dims) {
    return 2 + dims->head_size;
}

static void empty_state(float *state, const rk_dims *dims) {
    memset(state, 0, state_rows(dims) * dims->n_embd * sizeof state[0]);
}

const rk__arch rk__arch_rwkv6 = {
    .id = RK_ARCH_RWKV6,
    .name = "RWKV-6",
    .marker = "blocks.0.att.time_maa_x",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .relations = relations,
    .n_relations = sizeof relations / sizeof relations[0],
    .layer_bytes = sizeof(layer),
    .state_rows = state_rows,
    .empty_state = empty_state,

};
