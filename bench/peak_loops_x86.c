// The loops for x86. In assembler, because a compiler would see that they compute nothing.
//
// Every loop has enough independent sums (12 and more) that no instruction waits for another's
// result, and so few instructions besides that they cost nothing.
#include <cpuid.h>

#include "peak_loops.h"

enum { ROUNDS = 20000 };

// 12 fused multiply-adds.
static void fma_256(size_t rounds) {
    __asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n"
                     ".p2align 6\n"
                     "1:\n"
                     ".irp sum, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13\n"
                     "vfmadd231ps %%ymm0, %%ymm1, %%ymm\\sum\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}

static void fma_512(size_t rounds) {
    __asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n"
                     ".p2align 6\n"
                     "1:\n"
                     ".irp sum, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13\n"
                     "vfmadd231ps %%zmm0, %%zmm1, %%zmm\\sum\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}

// 12 multiplications, each with its addition. Only the additions wait for each other.
static void add16_256(size_t rounds) {
    __asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n"
                     ".p2align 6\n"
                     "1:\n"
                     ".rept 2\n"
                     ".irp sum, 8, 9, 10, 11, 12, 13\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm2\n"
                     "vpaddw %%ymm2, %%ymm\\sum, %%ymm\\sum\n"
                     ".endr\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}

// 12 multiplications, each widened by another one, and added.
static void add32_256(size_t rounds) {
    __asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n"
                     ".p2align 6\n"
                     "1:\n"
                     ".rept 2\n"
                     ".irp sum, 8, 9, 10, 11, 12, 13\n"
                     "vpmaddubsw %%ymm0, %%ymm1, %%ymm2\n"
                     "vpmaddwd %%ymm0, %%ymm2, %%ymm2\n"
                     "vpaddd %%ymm2, %%ymm\\sum, %%ymm\\sum\n"
                     ".endr\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}

// 12 dot products of four bytes, in AVX-VNNI's encoding.
static void dot_256(size_t rounds) {
    __asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n"
                     ".p2align 6\n"
                     "1:\n"
                     ".irp sum, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13\n"
                     "%{vex%} vpdpbusd %%ymm0, %%ymm1, %%ymm\\sum\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}

static void dot_512(size_t rounds) {
    __asm__ volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n"
                     ".p2align 6\n"
                     "1:\n"
                     ".irp sum, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13\n"
                     "vpdpbusd %%zmm0, %%zmm1, %%zmm\\sum\n"
                     ".endr\n"
                     "dec %0\n"
                     "jnz 1b\n"
                     "vzeroupper"
                     : "+r"(rounds)
                     :
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}

// A loop and what a round of it does.
typedef struct peak_loop {
    void (*run)(size_t rounds);
    double operations;
} peak_loop;

static const peak_loop loops[BENCH_LIMIT_COUNT] = {
    [BENCH_FMA_256] = {fma_256, 12 * 2 * 8},  [BENCH_FMA_512] = {fma_512, 12 * 2 * 16},
    [BENCH_ADD16_256] = {add16_256, 12 * 64}, [BENCH_ADD32_256] = {add32_256, 12 * 64},
    [BENCH_DOT_256] = {dot_256, 12 * 2 * 32}, [BENCH_DOT_512] = {dot_512, 12 * 2 * 64},
};

// Bit 4 of eax of leaf 7, part 1.
static bool has_avx_vnni(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;
}

bool bench_peak_exists(bench_limit limit) {
    switch (limit) {
    case BENCH_FMA_256:
    case BENCH_ADD16_256:
    case BENCH_ADD32_256:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case BENCH_DOT_256:
        return __builtin_cpu_supports("avx2") && has_avx_vnni();
    case BENCH_FMA_512:
        return __builtin_cpu_supports("avx512f");
    case BENCH_DOT_512:
        return __builtin_cpu_supports("avx512vnni");
    default:
        return false;
    }
}

void bench_peak_run(bench_limit limit) {
    loops[limit].run(ROUNDS);
}

double bench_peak_operations(bench_limit limit) {
    return ROUNDS * loops[limit].operations;
}
