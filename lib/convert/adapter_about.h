// What an adapter's file says about itself: the alpha that it was trained with, its rank.
#ifndef RK_CONVERT_ADAPTER_ABOUT_H
#define RK_CONVERT_ADAPTER_ABOUT_H

#include <stdbool.h>

#include "rk/checkpoint.h"

typedef struct rk__adapter_about {
    double alpha;     // NAN: nothing is said
    size_t rank;      // 0: nothing is said
    bool root_scaled; // products count alpha / sqrt(rank) instead of alpha / rank
} rk__adapter_about;

// From the texts beside the tensors of a safetensors file, or from the adapter_config.json that the
// peft package writes beside it. Numbers that are none are refused, and so are kinds of adapters
// that change the base in a way which their file does not tell.
rk_status rk__adapter_about_read(rk__adapter_about *about, const rk_checkpoint *file,
                                 rk_error *err);

#endif
