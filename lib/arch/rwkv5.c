// RWKV-5: its tensors. Equations: docs/numerics.md.
#include "arch/arch_internal.h"

typedef rk__layer_rwkv5 layer;

static const rk__arch_row rows[] = {
    {"ln1.weight", "ln1.weight", "C", RK__VECTOR, offsetof(layer, common.ln1_weight)},
    {"ln1.bias", "ln1.bias", "C", RK__VECTOR, offsetof(layer, common.ln1_bias)},
    {"ln2.weight", "ln2.weight", "C", RK__VECTOR, offsetof(layer, common.ln2_weight)},
    {"ln2.bias", "ln2.bias", "C", RK__VECTOR, offsetof(layer, common.ln2_bias)},
    {"att.time_mix_k", "attention.time_mix_key", "11C", RK__VECTOR, offsetof(layer, mix_k),
     .file_shape = "C"},
    {"att.time_mix_v", "attention.time_mix_value", "11C", RK__VECTOR, offsetof(layer, mix_v),
     .file_shape = "C"},
    {"att.time_mix_r", "attention.time_mix_receptance", "11C", RK__VECTOR, offsetof(layer, mix_r),
     .file_shape = "C"},
    {"att.time_mix_g", "attention.time_mix_gate", "11C", RK__VECTOR, offsetof(layer, mix_g),
     .presence = RK__OPTIONAL, .file_shape = "C"},
    {"att.time_decay", "attention.time_decay", "HN|H", RK__VECTOR, offsetof(layer, decay),
     RK__EXP_OF_NEGATIVE_EXP, .file_shape = "HN1|H11"},
    {"att.time_first", "attention.time_first", "HN|H", RK__VECTOR, offsetof(layer, first), RK__EXP,
     .presence = RK__OPTIONAL, .file_shape = "HN1|H11"},
    {"att.time_faaaa", "attention.time_faaaa", "HN|H", RK__VECTOR, offsetof(layer, first),
     .presence = RK__OPTIONAL, .file_shape = "HN1|H11"},
    {"att.ln_x.weight", "attention.ln_x.weight", "C", RK__VECTOR, offsetof(layer, ln_x_weight)},
    {"att.ln_x.bias", "attention.ln_x.bias", "C", RK__VECTOR, offsetof(layer, ln_x_bias)},
    {"att.key.weight", "attention.key.weight", "CC", RK__MATRIX, offsetof(layer, key)},
    {"att.value.weight", "attention.value.weight", "CC", RK__MATRIX, offsetof(layer, value)},
    {"att.receptance.weight", "attention.receptance.weight", "CC", RK__MATRIX,
     offsetof(layer, receptance)},
    {"att.output.weight", "attention.output.weight", "CC", RK__MATRIX, offsetof(layer, output)},
    {"att.gate.weight", "attention.gate.weight", "CC", RK__MATRIX, offsetof(layer, gate),
     .presence = RK__OPTIONAL},
    {"att.time_state", NULL, "HNN", RK__STATE, offsetof(layer, common.time_state), RK__TRANSPOSE,
     .presence = RK__OPTIONAL},
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

static const rk__relation relations[] = {{'C', "HN"}};

// Three things vary among the cuts of RWKV-5: whether there is a gate, whether decay is by head or
// by channel, and whether the bonus is stored as time_first or as time_faaaa. What is optional is
// the same in all layers, so looking at the first one is enough.
static rk_status refine(rk__arch_plan *plan, const char *where, rk_error *err) {
    const bool gate = rk__arch_plan_find(plan, "att.gate.weight", 0) != NULL;
    const bool mix = rk__arch_plan_find(plan, "att.time_mix_g", 0) != NULL;
    if (gate != mix) {
        return rk__fail(err, RK_ERR_SHAPE, "%s: RWKV-5 model with blocks.0.%s, but no blocks.0.%s",
                        where, gate ? "att.gate.weight" : "att.time_mix_g",
                        gate ? "att.time_mix_g" : "att.gate.weight");
    }
    const bool first = rk__arch_plan_find(plan, "att.time_first", 0) != NULL;
    if (first == (rk__arch_plan_find(plan, "att.time_faaaa", 0) != NULL)) {
        return rk__fail(err, RK_ERR_SHAPE,
                        "%s: RWKV-5 model with %s blocks.0.att.time_first %s "
                        "blocks.0.att.time_faaaa, expected one of them",
                        where, first ? "both" : "neither", first ? "and" : "nor");
    }
    const bool by_head = rk__arch_plan_find(plan, "att.time_decay", 0)->repeat > 1;
    if (by_head) {
        plan->name = gate ? "RWKV-5.1 (gated)" : "RWKV-5.1";
    } else {
        plan->name = gate ? "RWKV-5.2" : "RWKV-5.2 (no gate)";
    }
    return RK_OK;
}

const rk__arch rk__arch_rwkv5 = {
    .id = RK_ARCH_RWKV5,
    .name = "RWKV-5",
    .marker = "blocks.0.att.ln_x.weight",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .relations = relations,
    .n_relations = sizeof relations / sizeof relations[0],
    .layer_bytes = sizeof(layer),
    .state_rows = rk__head_state_rows, // a head's matrix: [key channel][value channel]
    .empty_state = rk__head_empty_state,
    .refine = refine,
};
