// Which version of RWKV a list of tensors is.
#ifndef RK_ARCH_DETECT_H
#define RK_ARCH_DETECT_H

#include "arch/arch.h"

// The version, or a failure that says what the tensors are instead, as far as it can be told: a
// variant that is not supported (with the tensor that gave it away), an adapter, a state, ...
// `naming` says which names to expect.
rk_status rk__arch_detect(const rk__arch **out, const char *where, const rk_tensor_info *tensors,
                          size_t n_tensors, rk__naming naming, rk_error *err);

#endif
