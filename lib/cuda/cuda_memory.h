// Memory of a GPU and pinned memory of the host, and CUDA's codes as errors with the numbers.
#ifndef RK_CUDA_MEMORY_H
#define RK_CUDA_MEMORY_H

#include <stddef.h>

#include "base/error_internal.h"

// The status of a call into CUDA: ERR_MEMORY says what the device has left, ERR_DEVICE what CUDA
// says. doing: "copying weights".
rk_status rk__gpu_check(unsigned code, size_t device, const char *doing, rk_error *err);

// Makes the device the calling thread's. What follows on that thread is for it.
rk_status rk__gpu_use(size_t device, rk_error *err);

// Pieces of memory that are freed together.
enum { RK__GPU_PIECES = 192 };
typedef struct rk__gpu_pieces {
    size_t device;
    void *on_device[RK__GPU_PIECES], *on_host[RK__GPU_PIECES]; // owned
    size_t n_on_device, n_on_host;
    size_t device_bytes;
} rk__gpu_pieces;

// Memory of the device, and pinned memory of the host; not initialised. `what` is for the message:
// "the workspace". 0 bytes: *out is NULL.
rk_status rk__gpu_take(rk__gpu_pieces *pieces, void **out, size_t bytes, const char *what,
                       rk_error *err);
rk_status rk__gpu_take_pinned(rk__gpu_pieces *pieces, void **out, size_t bytes, const char *what,
                              rk_error *err);
void rk__gpu_release(rk__gpu_pieces *pieces);

#endif
