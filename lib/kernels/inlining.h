// What kernels need from the compiler to keep a tile's sums in registers: functions that are
// inlined where their sizes are constants, and loops that are then unrolled completely. gcc does
// not unroll at -O2 by itself, clang not reliably.
#ifndef RK_KERNELS_INLINING_H
#define RK_KERNELS_INLINING_H

// Not where the compiler adds checks of its own to every copy (sanitizers, fuzzing): compiling
// would take minutes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RK__INSTRUMENTED 1
#elif defined(__clang__)
#define RK__INSTRUMENTED                                                                           \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                        \
     __has_feature(coverage_sanitizer))
#else
#define RK__INSTRUMENTED 0
#endif

// RK__UNROLL: before a loop of at most 16 rounds whose number is known when it is compiled.
// RK__ROLLED: before one that is not worth it.
#if RK__INSTRUMENTED
#define RK__ALWAYS_INLINE inline
#define RK__UNROLL
#define RK__ROLLED
#elif defined(__clang__)
#define RK__ALWAYS_INLINE inline __attribute__((always_inline))
#define RK__UNROLL        _Pragma("clang loop unroll(full)")
#define RK__ROLLED        _Pragma("clang loop unroll(disable)")
#else
#define RK__ALWAYS_INLINE inline __attribute__((always_inline))
#define RK__UNROLL        _Pragma("GCC unroll 16")
#define RK__ROLLED        _Pragma("GCC unroll 1")
#endif

#endif
