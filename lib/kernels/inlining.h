// What kernels need from the compiler to keep a tile's sums in registers: functions that are
// inlined where their sizes are constants, and loops that are then unrolled completely. gcc does
// not unroll at -O2 by itself, clang not reliably.
#ifndef RK_KERNELS_INLINING_H
#define RK_KERNELS_INLINING_H

#define RK__ALWAYS_INLINE inline __attribute__((always_inline))

// Before a loop of at most 8 rounds whose number is known when it is compiled.
#if defined(__clang__)
#define RK__UNROLL _Pragma("clang loop unroll(full)")
#else
#define RK__UNROLL _Pragma("GCC unroll 8")
#endif

#endif
