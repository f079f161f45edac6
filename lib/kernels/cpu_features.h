// Which instruction sets this processor and its operating system offer.
#ifndef RK_KERNELS_CPU_FEATURES_H
#define RK_KERNELS_CPU_FEATURES_H

#include <stddef.h>

#include "base/error_internal.h"

// Levels in ascending order; each includes the ones before it.
typedef enum rk__isa {
    RK__ISA_SCALAR, // portable C
    RK__ISA_AVX2,   // AVX2, FMA and F16C
    RK__ISA_COUNT
} rk__isa;

const char *rk__isa_name(rk__isa isa); // "scalar", "avx2"

// The highest level of this machine (register state saved by the system included), lowered by the
// environment variable RWKV_CPU when that names a lower one. Detected once. A value of RWKV_CPU
// that is no level is ignored here; programs check it with rk__isa_parse.
rk__isa rk__isa_available(void);

// The level called `name`; ERR_ARGUMENT naming the choices when there is none.
rk_status rk__isa_parse(rk__isa *out, const char *name, rk_error *err);

#endif
