// Finding out what the processor and the system offer, once a process.
#include "kernels/cpu_features.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "rk/version.h"

static const char *const isa_names[RK__ISA_COUNT + 1] = {
    [RK__ISA_SCALAR] = "scalar", [RK__ISA_AVX2] = "avx2", [RK__ISA_AVXVNNI] = "avxvnni",
    [RK__ISA_AVX512] = "avx512", [RK__ISA_COUNT] = NULL,
};

#if defined(__x86_64__)

// Register states, as bits of XCR0: what the system must save when it switches threads.
enum {
    STATES_OF_AVX = 1 << 1 | 1 << 2,                             // xmm, ymm
    STATES_OF_AVX512 = STATES_OF_AVX | 1 << 5 | 1 << 6 | 1 << 7, // masks, zmm, zmm16 and up
};

static bool saves(uint32_t states) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & states) == states;
}

static bool has_avx2(void) {
    unsigned a, b, c, d;
    const unsigned needed = bit_FMA | bit_F16C | bit_OSXSAVE | bit_AVX;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & needed) != needed) return false;
    if (!saves(STATES_OF_AVX)) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_AVX2) != 0;
}

static bool has_avx_vnni(void) {
    unsigned a, b, c, d;
    const unsigned avx_vnni = 1 << 4;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & avx_vnni) != 0;
}

static bool has_avx512(void) {
    unsigned a, b, c, d;
    const unsigned needed = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    return (b & needed) == needed && (c & bit_AVX512VNNI) != 0 && saves(STATES_OF_AVX512);
}

bool rk__isa_exists(rk__isa isa) {
    switch (isa) {
    case RK__ISA_SCALAR:
        return true;
    case RK__ISA_AVX2:
        return has_avx2();
    case RK__ISA_AVXVNNI:
        return has_avx2() && has_avx_vnni();
    case RK__ISA_AVX512:
        return has_avx2() && has_avx512();
    default:
        return false;
    }
}

#else

bool rk__isa_exists(rk__isa isa) {
    return isa == RK__ISA_SCALAR;
}

#endif

const char *rk__isa_name(rk__isa isa) {
    return isa_names[isa];
}

const char *const *rk_cpu_levels(void) {
    return isa_names;
}

bool rk__isa_parse(rk__isa *out, const char *name) {
    for (size_t i = 0; i < RK__ISA_COUNT; i++) {
        if (strcasecmp(name, isa_names[i]) != 0) continue;
        *out = (rk__isa)i;
        return true;
    }
    return false;
}

static pthread_once_t detected = PTHREAD_ONCE_INIT;
static rk__isa available; // written by detect alone

static void detect(void) {
    const char *const wanted = getenv("RWKV_CPU");
    rk__isa limit = (rk__isa)(RK__ISA_COUNT - 1);
    if (wanted != NULL) (void)rk__isa_parse(&limit, wanted); // leaves it if it is no level
    available = limit;
    while (!rk__isa_exists(available)) available--;
}

rk__isa rk__isa_available(void) {
    pthread_once(&detected, detect);
    return available;
}
