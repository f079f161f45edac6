// Allocation and size arithmetic that cannot overflow.
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool rk_size_mul(size_t *out, size_t a, size_t b) {
    if (!__builtin_mul_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

bool rk_size_add(size_t *out, size_t a, size_t b) {
    if (!__builtin_add_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

// Bytes of an array; at least 1, so that empty arrays have an address too. False beyond
// PTRDIFF_MAX, where no object can exist and not every allocator says so politely.
static bool array_bytes(size_t *out, size_t count, size_t size) {
    if (!rk_size_mul(out, count, size) || *out > PTRDIFF_MAX) return false;
    if (*out == 0) *out = 1;
    return true;
}

static rk_status fail_size(rk_error *err, size_t count, size_t size) {
    return rk__fail(err, RK_ERR_MEMORY, "out of memory: %zu times %zu bytes wanted", count, size);
}

rk_status rk__alloc(void **out, size_t count, size_t size, rk_error *err) {
    *out = NULL;
    size_t bytes;
    if (!array_bytes(&bytes, count, size)) return fail_size(err, count, size);
    *out = calloc(1, bytes);
    return *out ? RK_OK : rk__fail_memory(err, bytes);
}

rk_status rk__alloc_aligned(void **out, size_t count, size_t size, rk_error *err) {
    *out = NULL;
    size_t bytes;
    if (!array_bytes(&bytes, count, size)) return fail_size(err, count, size);
    const size_t padded = (bytes + RK_CACHE_LINE - 1) / RK_CACHE_LINE * RK_CACHE_LINE;
    *out = aligned_alloc(RK_CACHE_LINE, padded);
    return *out ? RK_OK : rk__fail_memory(err, bytes);
}

rk_status rk__alloc_large(void **out, size_t size, rk_error *err) {
    static const size_t huge_page = (size_t)2 << 20;
    if (size < huge_page) return rk__alloc_aligned(out, size, 1, err);
    *out = NULL;
    if (size > PTRDIFF_MAX - huge_page) return rk__fail_memory(err, size);
    const size_t padded = (size + huge_page - 1) / huge_page * huge_page;
    *out = aligned_alloc(huge_page, padded);
    if (!*out) return rk__fail_memory(err, size);
    (void)madvise(*out, padded, MADV_HUGEPAGE); // advice: it works without, a little slower
    return RK_OK;
}

rk_status rk__grow(void **buffer, size_t *capacity, size_t needed, size_t size, rk_error *err) {
    enum { LEAST = 16 };
    if (needed <= *capacity) return RK_OK;

    size_t wanted;
    if (!rk_size_mul(&wanted, *capacity, 2) || wanted < needed) wanted = needed;
    if (wanted < LEAST) wanted = LEAST;
    size_t bytes;
    if (!array_bytes(&bytes, wanted, size)) return fail_size(err, wanted, size);
    void *grown = realloc(*buffer, bytes);
    if (!grown) return rk__fail_memory(err, bytes);
    *buffer = grown;
    *capacity = wanted;
    return RK_OK;
}

rk_status rk__copy_string(char **out, const char *text, size_t length, rk_error *err) {
    *out = NULL;
    if (length >= PTRDIFF_MAX) return rk__fail_memory(err, length);
    char *copy = malloc(length + 1);
    if (!copy) return rk__fail_memory(err, length + 1);
    if (length > 0) memcpy(copy, text, length);
    copy[length] = '\0';
    *out = copy;
    return RK_OK;
}

void rk__free(void *memory) {
    free(memory);
}
