// Strategy strings: where the layers of a model are and in what type, in the grammar of the rwkv
// package.
//
//     strategy = "auto" [type]
//              | part { "->" part }
//     part     = device [type] [ "*" number ] [ "+" ]
//     device   = "cpu" | "cuda" [ ":" index ]
//     type     = FP32 | FP16 | BF16 | Q8_0 | Q4_0 | ... (rk_dtype_parse)
//              | (FP32 | FP16 | BF16) "i8", which is Q8_0; without a type, those of the file
//
// "*20" is how many layers the part has; of a part with "+" it is how many stay on the device, the
// others are streamed through it, and without a number as many stay as fit. The last norm and the
// head count as one layer more. Parts without a number share what the others leave. Case and blanks
// between the words do not matter.
#ifndef RK_STRATEGY_H
#define RK_STRATEGY_H

#include "base/error_internal.h"
#include "rk/tensor.h"

typedef enum rk__device_kind {
    RK__DEVICE_CPU,
    RK__DEVICE_CUDA,
} rk__device_kind;

typedef struct rk__device {
    rk__device_kind kind;
    size_t index; // among the devices of its kind; 0 for the CPU
} rk__device;

typedef struct rk__strategy_part {
    rk__device device;
    bool keep_types; // no type was named
    rk_dtype dtype;
    bool has_count;
    size_t count; // "*20"
    bool streams; // "+"
} rk__strategy_part;

enum { RK__MAX_STAGES = 16, RK__MAX_DEVICES = 64 };

typedef struct rk__strategy {
    rk__strategy_part parts[RK__MAX_STAGES];
    size_t n_parts;
    bool automatic; // parts[0] holds the type alone
} rk__strategy;

// ERR_ARGUMENT names the column (from 1) and quotes what stands there; ERR_UNSUPPORTED is for
// devices that other programs have.
rk_status rk__strategy_parse(rk__strategy *out, const char *text, rk_error *err);

// "cpu", "cuda:1"; returns text.
enum { RK__DEVICE_TEXT = 32 };
char *rk__device_name(char text[RK__DEVICE_TEXT], rk__device device);

bool rk__same_device(rk__device a, rk__device b);

#endif
