// The tensors around the layers, the same for every version.
#include "arch/arch_internal.h"

typedef rk__outer_weights outer;

const rk__arch_row rk__arch_outer_rows[RK__ARCH_OUTER_ROWS] = {
    {"emb.weight", "rwkv.embeddings.weight", "VC", RK__EMBEDDING, offsetof(outer, emb), RK__AS_IS,
     RK__BEFORE_LAYERS},
    {"blocks.0.ln0.weight", "rwkv.blocks.0.pre_ln.weight", "C", RK__VECTOR,
     offsetof(outer, ln0_weight), RK__AS_IS, RK__BEFORE_LAYERS},
    {"blocks.0.ln0.bias", "rwkv.blocks.0.pre_ln.bias", "C", RK__VECTOR, offsetof(outer, ln0_bias),
     RK__AS_IS, RK__BEFORE_LAYERS},
    {"ln_out.weight", "rwkv.ln_out.weight", "C", RK__VECTOR, offsetof(outer, ln_out_weight),
     RK__AS_IS, RK__AFTER_LAYERS},
    {"ln_out.bias", "rwkv.ln_out.bias", "C", RK__VECTOR, offsetof(outer, ln_out_bias), RK__AS_IS,
     RK__AFTER_LAYERS},
    {"head.weight", "head.weight", "VC", RK__HEAD, offsetof(outer, head), RK__AS_IS,
     RK__AFTER_LAYERS},
};
