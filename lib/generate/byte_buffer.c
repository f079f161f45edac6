// A growing array of bytes; numbers little-endian.
#include "generate/byte_buffer.h"

#include <string.h>

#include "base/memory.h"

void rk__byte_buffer_append(rk__byte_buffer *buffer, const void *bytes, size_t n, rk_error *err) {
    size_t needed;
    if (buffer->status != RK_OK || n == 0) return;
    if (!rk_size_add(&needed, buffer->size, n)) {
        buffer->status = rk__fail_memory(err, SIZE_MAX);
        return;
    }
    void *grown = buffer->bytes;
    buffer->status = rk__grow(&grown, &buffer->capacity, needed, 1, err);
    buffer->bytes = grown;
    if (buffer->status != RK_OK) return;
    memcpy(buffer->bytes + buffer->size, bytes, n);
    buffer->size = needed;
}

static void append_number(rk__byte_buffer *buffer, uint64_t value, size_t n_bytes, rk_error *err) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n_bytes; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    rk__byte_buffer_append(buffer, bytes, n_bytes, err);
}

void rk__byte_buffer_append_u32(rk__byte_buffer *buffer, uint32_t value, rk_error *err) {
    append_number(buffer, value, 4, err);
}

void rk__byte_buffer_append_u64(rk__byte_buffer *buffer, uint64_t value, rk_error *err) {
    append_number(buffer, value, 8, err);
}

void rk__byte_buffer_fini(rk__byte_buffer *buffer) {
    rk__free(buffer->bytes);
    *buffer = (rk__byte_buffer){0};
}
