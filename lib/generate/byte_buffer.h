// Bytes that a file is put together from. The counterpart of base/cursor.h: once an append has
// failed, all later ones do nothing, and the status tells in the end.
#ifndef RK_BYTE_BUFFER_H
#define RK_BYTE_BUFFER_H

#include <stdint.h>

#include "base/error_internal.h"

// All zeros is an empty one.
typedef struct rk__byte_buffer {
    uint8_t *bytes; // [size]
    size_t size, capacity;
    rk_status status; // of the first append that failed
} rk__byte_buffer;

void rk__byte_buffer_append(rk__byte_buffer *buffer, const void *bytes, size_t n, rk_error *err);
void rk__byte_buffer_append_u32(rk__byte_buffer *buffer, uint32_t value, rk_error *err);
void rk__byte_buffer_append_u64(rk__byte_buffer *buffer, uint64_t value, rk_error *err);
void rk__byte_buffer_fini(rk__byte_buffer *buffer);

#endif
