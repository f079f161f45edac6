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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
