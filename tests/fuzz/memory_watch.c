// Counting allocations through AddressSanitizer's hooks.
#include "memory_watch.h"

#include <stdint.h>

static size_t live, peak;

#ifdef RK_FUZZ_COUNTS_MEMORY
// As <sanitizer/allocator_interface.h> has them, a header that gcc does not bring.
// NOLINTBEGIN(bugprone-reserved-identifier)
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *block);
// NOLINTEND(bugprone-reserved-identifier)

static void on_allocation(const volatile void *block, size_t size) {
    if (!block) return;
    live += size;
    if (live > peak) peak = live;
}

static void on_release(const volatile void *block) {
    if (!block) return;
    const size_t size = __sanitizer_get_allocated_size(block);
    // What was there before the count began counts for nothing.
    live = size < live ? live - size : 0;
}

static void install(void) {
    static int installed;
    if (installed) return;
    installed = 1;
    (void)__sanitizer_install_malloc_and_free_hooks(on_allocation, on_release);
}
#else
static void install(void) {}
#endif

void memory_watch_begin(void) {
    install();
    live = 0;
    peak = 0;
}

size_t memory_watch_peak(void) {
    return peak;
}
