// Strategy strings: where the layers of a model are and in what type.
//
//     strategy = "cpu" [type]
//     type     = FP32 | FP16 | BF16 | Q4_0 | ... (rk_dtype_parse); without it, the file's types
//
// Case and extra blanks do not matter.
#ifndef RK_STRATEGY_H
#define RK_STRATEGY_H

#include "base/error_internal.h"
#include "rk/tensor.h"

typedef enum rk__device {
    RK__DEVICE_CPU,
} rk__device;

typedef struct rk__strategy_part {
    rk__device device;
    bool keep_types; // no type was named
    rk_dtype dtype;
} rk__strategy_part;

enum { RK__MAX_STAGES = 16 };

typedef struct rk__strategy {
    rk__strategy_part parts[RK__MAX_STAGES];
    size_t n_parts;
} rk__strategy;

// ERR_ARGUMENT quotes the word that is wrong; ERR_UNSUPPORTED names what this build lacks ("cuda",
// "*", "->", "+").
rk_status rk__strategy_parse(rk__strategy *out, const char *text, rk_error *err);

#endif
