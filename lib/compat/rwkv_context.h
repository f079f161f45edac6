// What stands behind a context of include/rwkv.h.
#ifndef RK_RWKV_CONTEXT_H
#define RK_RWKV_CONTEXT_H

#include "compat/rwkv_errors.h"
#include "rk/model.h"

// What contexts on the same weights share; freed by the last of them.
typedef struct rk__compat_model rk__compat_model;

struct rwkv_context {
    rk__compat_model *shared;  // one of its holders
    const rk_model_info *info; // of the shared model
    rk_pool *pool;             // owned, as are the next two
    rk_context *context;
    rk_state *state; // one sequence: what a call works on
    rk__compat_errors errors;
};

#endif
