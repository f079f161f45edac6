// Finding out what the processor and the system offer, once a process.
#include "kernels/cpu_features.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "rk/version.h"

static const char *const isa_names[RK__ISA_COUNT + 1] = {
    [RK__ISA_SCALAR] = "scalar",
    [RK__ISA_AVX2] = "avx2",
    [RK__ISA_COUNT] = NULL,
};

#if defined(__x86_64__)

// Which register states the system saves when it switches threads: bits of XCR0.
static uint64_t saved_states(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has_avx2(void) {
    unsigned a, b, c, d;
    const unsigned needed = bit_FMA | bit_F16C | bit_OSXSAVE | bit_AVX;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & needed) != needed) return false;
    const uint64_t xmm_and_ymm = 6;
    if ((saved_states() & xmm_and_ymm) != xmm_and_ymm) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_AVX2) != 0;
}

static rk__isa highest_isa(void) {
    return has_avx2() ? RK__ISA_AVX2 : RK__ISA_SCALAR;
}

#else

static rk__isa highest_isa(void) {
    return RK__ISA_SCALAR;
}

#endif

const char *rk__isa_name(rk__isa isa) {
    return isa_names[isa];
}

const char *const *rk_cpu_levels(void) {
    return isa_names;
}

rk_status rk__isa_parse(rk__isa *out, const char *name, rk_error *err) {
    for (size_t i = 0; i < RK__ISA_COUNT; i++) {
        if (strcasecmp(name, isa_names[i]) == 0) {
            *out = (rk__isa)i;
            return RK_OK;
        }
    }
    char known[128] = "";
    for (size_t i = 0; i < RK__ISA_COUNT; i++) {
        const size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i == 0 ? "" : ", ", isa_names[i]);
    }
    return rk__fail(err, RK_ERR_ARGUMENT, "no instruction set '%s'; known: %s", name, known);
}

static pthread_once_t detected = PTHREAD_ONCE_INIT;
static rk__isa available; // written by detect alone

static void detect(void) {
    const char *const wanted = getenv("RWKV_CPU");
    rk__isa limit;
    available = highest_isa();
    if (wanted == NULL || rk__isa_parse(&limit, wanted, NULL) != RK_OK) return;
    if (limit < available) available = limit;
}

rk__isa rk__isa_available(void) {
    pthread_once(&detected, detect);
    return available;
}
