// Explicit choices of types by the names of tensors.
#ifndef RK_ARCH_TYPE_RULES_H
#define RK_ARCH_TYPE_RULES_H

#include "arch/type_plan.h"

// Overrides types[i] of every tensor that a rule matches, as rk__type_plan says.
rk_status rk__apply_type_rules(rk_dtype *types, const rk__stored_model *model,
                               const rk__type_request *request, rk_error *err);

#endif
