// Which tensor of a model gets which type, when a model is quantized in a file or while it is
// loaded (docs/quantization.md).
#ifndef RK_MIX_H
#define RK_MIX_H

#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a target that is a block format does to the tensors of a model. Vectors are FP32 in all of
// them; matrices whose rows are no whole blocks keep 16 bits (or 32, where a model file has them
// so); a tensor that is stored in the target's format already keeps it.
typedef enum rk_mix {
    // Most matrices in the target; what loses most by it in something wider, what needs it least in
    // something narrower than FP16. Chosen by measurement, and never more than 3 % larger than
    // RK_MIX_REFERENCE. A model that is in the target's format already keeps all of its types.
    RK_MIX_DEFAULT,
    // What rwkv.cpp quantizes and nothing else (docs/formats.md section 1.5): all matrices but the
    // embedding, the head and the adapters of RWKV-7. In version 100 the default is this, too.
    RK_MIX_REFERENCE,
    // Every matrix in the target: embedding, head and adapters too.
    RK_MIX_PURE,
} rk_mix;

// An explicit choice, which goes before any mix: tensors in whose name the pattern, a POSIX
// extended regular expression, is found get this type. Names are those of RWKV's own checkpoints,
// whatever the file calls its tensors. Of several rules that match, the last one counts.
typedef struct rk_type_rule {
    const char *pattern;
    rk_dtype dtype; // FP32, FP16 or a block format
} rk_type_rule;

#ifdef __cplusplus
}
#endif

#endif
