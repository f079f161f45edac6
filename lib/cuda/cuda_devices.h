// The GPUs of this machine. In a build without CUDA (cuda_absent.c) there are none, and the reason
// says so.
#ifndef RK_CUDA_DEVICES_H
#define RK_CUDA_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error_internal.h"

typedef struct rk__cuda_device_info {
    char name[64];
    int major, minor; // of the compute capability
    uint64_t total_bytes, free_bytes;
} rk__cuda_device_info;

// GPUs that can be used. With 0 of them `why` (may be NULL) says in one clause what is missing:
// the build's support, the driver, a newer driver, a GPU.
enum { RK__CUDA_WHY = 256 };
size_t rk__cuda_device_count(char why[RK__CUDA_WHY]);

rk_status rk__cuda_device_describe(rk__cuda_device_info *out, size_t index, rk_error *err);

#endif
