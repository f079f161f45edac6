// RWKV-7: its tensors. Equations: docs/numerics.md.
#include "arch/arch_internal.h"

typedef rk__layer_rwkv7 layer;

static const rk__arch_row rows[] = {
    {"ln1.weight", NULL, "C", RK__VECTOR, offsetof(layer, common.ln1_weight)},
    {"ln1.bias", NULL, "C", RK__VECTOR, offsetof(layer, common.ln1_bias)},
    {"ln2.weight", NULL, "C", RK__VECTOR, offsetof(layer, common.ln2_weight)},
    {"ln2.bias", NULL, "C", RK__VECTOR, offsetof(layer, common.ln2_bias)},
    {"att.x_r", NULL, "11C", RK__VECTOR, offsetof(layer, mix_r), .file_shape = "61C",
     .file_name = "att.x_rwkvag", .part = 0, .n_parts = 6},
    {"att.x_w", NULL, "11C", RK__VECTOR, offsetof(layer, mix_w), .file_shape = "61C",
     .file_name = "att.x_rwkvag", .part = 1, .n_parts = 6},
    {"att.x_k", NULL, "11C", RK__VECTOR, offsetof(layer, mix_k), .file_shape = "61C",
     .file_name = "att.x_rwkvag", .part = 2, .n_parts = 6},
    {"att.x_v", NULL, "11C", RK__VECTOR, offsetof(layer, mix_v), .file_shape = "61C",
     .file_name = "att.x_rwkvag", .part = 3, .n_parts = 6},
    {"att.x_a", NULL, "11C", RK__VECTOR, offsetof(layer, mix_a), .file_shape = "61C",
     .file_name = "att.x_rwkvag", .part = 4, .n_parts = 6},
    {"att.x_g", NULL, "11C", RK__VECTOR, offsetof(layer, mix_g), .file_shape = "61C",
     .file_name = "att.x_rwkvag", .part = 5, .n_parts = 6},
    {"att.w0", NULL, "11C", RK__VECTOR, offsetof(layer, w0), .file_shape = "11C"},
    {"att.w1", NULL, "CW", RK__ADAPTER, offsetof(layer, w.in), RK__TRANSPOSE, .file_shape = "WC"},
    {"att.w2", NULL, "WC", RK__ADAPTER, offsetof(layer, w.out), RK__TRANSPOSE, .file_shape = "CW"},
    {"att.a0", NULL, "11C", RK__VECTOR, offsetof(layer, a0), .file_shape = "11C"},
    {"att.a1", NULL, "CA", RK__ADAPTER, offsetof(layer, a.in), RK__TRANSPOSE, .file_shape = "AC"},
    {"att.a2", NULL, "AC", RK__ADAPTER, offsetof(layer, a.out), RK__TRANSPOSE, .file_shape = "CA"},
    {"att.v0", NULL, "11C", RK__VECTOR, offsetof(layer, v0), .file_shape = "11C",
     .presence = RK__NOT_IN_FIRST_LAYER},
    {"att.v1", NULL, "CU", RK__ADAPTER, offsetof(layer, v.in), RK__TRANSPOSE, .file_shape = "UC",
     .presence = RK__NOT_IN_FIRST_LAYER},
    {"att.v2", NULL, "UC", RK__ADAPTER, offsetof(layer, v.out), RK__TRANSPOSE, .file_shape = "CU",
     .presence = RK__NOT_IN_FIRST_LAYER},
    {"att.g1", NULL, "CG", RK__ADAPTER, offsetof(layer, g.in), RK__TRANSPOSE, .file_shape = "GC"},
    {"att.g2", NULL, "GC", RK__ADAPTER, offsetof(layer, g.out), RK__TRANSPOSE, .file_shape = "CG"},
    {"att.k_k", NULL, "11C", RK__VECTOR, offsetof(layer, k_k), .file_shape = "11C"},
    {"att.k_a", NULL, "11C", RK__VECTOR, offsetof(layer, k_a), .file_shape = "11C"},
    {"att.r_k", NULL, "HN", RK__VECTOR, offsetof(layer, r_k)},
    {"att.ln_x.weight", NULL, "C", RK__VECTOR, offsetof(layer, ln_x_weight)},
    {"att.ln_x.bias", NULL, "C", RK__VECTOR, offsetof(layer, ln_x_bias)},
    {"att.key.weight", NULL, "CC", RK__MATRIX, offsetof(layer, key)},
    {"att.value.weight", NULL, "CC", RK__MATRIX, offsetof(layer, value)},
    {"att.receptance.weight", NULL, "CC", RK__MATRIX, offsetof(layer, receptance)},
    {"att.output.weight", NULL, "CC", RK__MATRIX, offsetof(layer, output)},
    {"att.time_state", NULL, "HNN", RK__STATE, offsetof(layer, common.time_state), RK__TRANSPOSE,
     .presence = RK__OPTIONAL},
    {"ffn.x_k", NULL, "11C", RK__VECTOR, offsetof(layer, common.ffn.mix_k), .file_shape = "11C"},
    {"ffn.key.weight", NULL, "FC", RK__MATRIX, offsetof(layer, common.ffn.key)},
    {"ffn.value.weight", NULL, "CF", RK__MATRIX, offsetof(layer, common.ffn.value)},
};

static const rk__relation relations[] = {{'C', "HN"}};

const rk__arch rk__arch_rwkv7 = {
    .id = RK_ARCH_RWKV7,
    .name = "RWKV-7",
    .marker = "blocks.0.att.r_k",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .relations = relations,
    .n_relations = sizeof relations / sizeof relations[0],
    .layer_bytes = sizeof(layer),
    .state_rows = rk__head_state_rows, // a head's matrix: [value channel][key channel]
    .empty_state = rk__head_empty_state,
};
