// A bounds-checked reader over bytes in memory. Once a read does not fit, the cursor has failed:
// that read and all later ones give zeros (or NULL), so parsers read straight on and check once.
#ifndef RK_BASE_CURSOR_H
#define RK_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rk__cursor {
    const uint8_t *data; // borrowed
    size_t size;
    size_t offset; // of the next byte; stays where the first failure happened
    bool failed;
} rk__cursor;

rk__cursor rk__cursor_over(const void *data, size_t size);
size_t rk__cursor_left(const rk__cursor *cursor);

uint8_t rk__cursor_u8(rk__cursor *cursor);
uint16_t rk__cursor_u16le(rk__cursor *cursor);
uint32_t rk__cursor_u32le(rk__cursor *cursor);
uint64_t rk__cursor_u64le(rk__cursor *cursor);
int32_t rk__cursor_i32le(rk__cursor *cursor);
double rk__cursor_f64be(rk__cursor *cursor);

// The next `size` bytes as a view into the data, or NULL after a failure.
const uint8_t *rk__cursor_bytes(rk__cursor *cursor, size_t size);

// The bytes up to the next newline, without it; *length is their number. NULL after a failure (no
// newline).
const uint8_t *rk__cursor_line(rk__cursor *cursor, size_t *length);

#endif
