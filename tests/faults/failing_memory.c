// The family in front of glibc's own.
#include "failing_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

// glibc's names for its own functions, under which they stay reachable.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static atomic_bool counting;
static atomic_size_t allocations, failing;
static atomic_long live;

void failing_memory_arm(size_t which) {
    atomic_store(&allocations, 0);
    atomic_store(&failing, which);
    atomic_store(&counting, true);
}

size_t failing_memory_disarm(void) {
    atomic_store(&counting, false);
    return atomic_load(&allocations);
}

long failing_memory_live(void) {
    return atomic_load(&live);
}

static bool fails(void) {
    if (!atomic_load(&counting)) return false;
    const size_t number = atomic_fetch_add(&allocations, 1) + 1;
    if (number != atomic_load(&failing)) return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block) {
    if (block != NULL) atomic_fetch_add(&live, 1);
    return block;
}

void *malloc(size_t size) {
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size) {
    if (fails()) return NULL;
    void *const moved = __libc_realloc(block, size);
    return block == NULL ? counted(moved) : moved;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    if (fails()) return ENOMEM;
    *out = counted(__libc_memalign(alignment, size));
    return *out == NULL ? ENOMEM : 0;
}

void free(void *block) {
    if (block != NULL) atomic_fetch_sub(&live, 1);
    __libc_free(block);
}
