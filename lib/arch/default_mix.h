// The default mix: which tensors leave the target's type, and for which other one.
#ifndef RK_ARCH_DEFAULT_MIX_H
#define RK_ARCH_DEFAULT_MIX_H

#include "arch/type_plan.h"

// Changes types[i], which are those of the reference mix, as far as the model stays within the
// limit in default_mix.c.
void rk__apply_default_mix(rk_dtype *types, const rk__stored_model *model, rk_dtype target);

#endif
