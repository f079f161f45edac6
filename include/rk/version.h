// The library's version.
#ifndef RK_VERSION_H
#define RK_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// "0.1.0": the version of the library that is loaded.
const char *rk_version(void);

// What this build and this machine are, in one line: version, instruction set in use, optional
// parts.
const char *rk_system_info(void);

// The names of the instruction-set levels that kernels may be asked to keep to (RWKV_CPU in the
// environment), from the lowest up, NULL at the end: {"scalar", "avx2", "avxvnni", "avx512", NULL}.
// Whether this machine has them is another matter.
const char *const *rk_cpu_levels(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
