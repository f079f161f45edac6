// The GPUs that models can run on (rk_model_options.strategy "cuda:0 fp16").
#ifndef RK_DEVICE_H
#define RK_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_device_info {
    char name[64];        // "NVIDIA H200"
    int capability;       // of a CUDA device, 10 major + minor: 90
    uint64_t total_bytes; // of its memory
    uint64_t free_bytes;  // at this moment
} rk_device_info;

// GPUs that this build can use on this machine: 0 without support for them, without a driver, or
// without a GPU.
size_t rk_device_count(void);

// Why there is none, in one clause ("this build has no CUDA"); empty where there is one. Lives as
// long as the thread.
const char *rk_device_absence(void);

// GPU number `index`, "cuda:0" is number 0. ERR_DEVICE where there is none of that number; *out is
// then all zeros.
rk_status rk_device_describe(rk_device_info *out, size_t index, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
