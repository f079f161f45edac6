// Which instruction sets this processor and its operating system offer.
#ifndef RK_KERNELS_CPU_FEATURES_H
#define RK_KERNELS_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

// Levels in ascending order; each includes the ones before it, but not every processor with AVX-512
// has AVX-VNNI.
typedef enum rk__isa {
    RK__ISA_SCALAR,  // portable C
    RK__ISA_AVX2,    // AVX2, FMA and F16C
    RK__ISA_AVXVNNI, // AVX-VNNI: dot products of bytes in 256 bits
    RK__ISA_AVX512,  // AVX-512: F, BW, DQ, VL and VNNI
    RK__ISA_COUNT
} rk__isa;

const char *rk__isa_name(rk__isa isa); // "scalar", "avx2", "avxvnni", "avx512"

// Whether the machine has the instructions of this level, and the system saves its registers.
bool rk__isa_exists(rk__isa isa);

// The highest level of this machine, lowered by the environment variable RWKV_CPU when that
// names a lower one: then the highest that is not above it. Detected once. A value of RWKV_CPU
// that is no level is ignored.
rk__isa rk__isa_available(void);

// The level called `name`. False when there is none; *out is then unchanged.
bool rk__isa_parse(rk__isa *out, const char *name);

#endif
