// Allocation and overflow-safe size arithmetic. The library allocates through nothing else.
#ifndef RK_BASE_MEMORY_H
#define RK_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error_internal.h"

enum { RK_CACHE_LINE = 64 };

// *out = a * b (a + b); false when it does not fit, *out is then 0.
bool rk_size_mul(size_t *out, size_t a, size_t b);
bool rk_size_add(size_t *out, size_t a, size_t b);

// Zeroed memory for `count` elements of `size` bytes; *out is NULL on failure. Release: rk__free.
rk_status rk__alloc(void **out, size_t count, size_t size, rk_error *err);

// The same, aligned to a cache line and not zeroed. Release: rk__free.
rk_status rk__alloc_aligned(void **out, size_t count, size_t size, rk_error *err);

// The same for memory that is large and read again and again: in huge pages where the system has
// them, so that the addresses of gigabytes fit the processor's tables. Release: rk__free.
rk_status rk__alloc_large(void **out, size_t size, rk_error *err);

// Grows *buffer to hold at least `needed` elements of `size` bytes, doubling *capacity. The new
// part is not zeroed. On failure the buffer stays as it was.
rk_status rk__grow(void **buffer, size_t *capacity, size_t needed, size_t size, rk_error *err);

// A copy of the `length` bytes at text, with a terminator behind.
rk_status rk__copy_string(char **out, const char *text, size_t length, rk_error *err);

void rk__free(void *memory);

#endif
