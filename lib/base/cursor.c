// The bounds-checked reader. Every getter goes through rk__cursor_bytes, the one place that moves.
#include "base/cursor.h"

#include <string.h>

rk__cursor rk__cursor_over(const void *data, size_t size) {
    // An empty view of no data is no failure, so it must not be NULL.
    static const uint8_t nothing[1] = {0};
    return (rk__cursor){.data = data ? data : nothing, .size = size};
}

size_t rk__cursor_left(const rk__cursor *cursor) {
    return cursor->failed ? 0 : cursor->size - cursor->offset;
}

const uint8_t *rk__cursor_bytes(rk__cursor *cursor, size_t size) {
    if (cursor->failed || size > cursor->size - cursor->offset) {
        cursor->failed = true;
        return NULL;
    }
    const uint8_t *bytes = cursor->data + cursor->offset;
    cursor->offset += size;
    return bytes;
}

const uint8_t *rk__cursor_line(rk__cursor *cursor, size_t *length) {
    *length = 0;
    const size_t left = rk__cursor_left(cursor);
    const uint8_t *start = left > 0 ? cursor->data + cursor->offset : NULL;
    const uint8_t *newline = start ? memchr(start, '\n', left) : NULL;
    if (!newline) {
        cursor->failed = true;
        return NULL;
    }
    *length = (size_t)(newline - start);
    cursor->offset += *length + 1;
    return start;
}

static uint64_t little_endian(rk__cursor *cursor, size_t size) {
    const uint8_t *bytes = rk__cursor_bytes(cursor, size);
    uint64_t value = 0;
    if (!bytes) return 0;
    for (size_t i = size; i > 0; i--) value = value << 8 | bytes[i - 1];
    return value;
}

uint8_t rk__cursor_u8(rk__cursor *cursor) {
    return (uint8_t)little_endian(cursor, 1);
}

uint16_t rk__cursor_u16le(rk__cursor *cursor) {
    return (uint16_t)little_endian(cursor, 2);
}

uint32_t rk__cursor_u32le(rk__cursor *cursor) {
    return (uint32_t)little_endian(cursor, 4);
}

uint64_t rk__cursor_u64le(rk__cursor *cursor) {
    return little_endian(cursor, 8);
}

int32_t rk__cursor_i32le(rk__cursor *cursor) {
    const uint32_t bits = rk__cursor_u32le(cursor);
    int32_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double rk__cursor_f64be(rk__cursor *cursor) {
    const uint8_t *bytes = rk__cursor_bytes(cursor, 8);
    uint64_t bits = 0;
    if (bytes) {
        for (size_t i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
    }
    double value;
    _Static_assert(sizeof value == sizeof bits, "IEEE binary64");
    memcpy(&value, &bits, sizeof value);
    return value;
}
