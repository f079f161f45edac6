// How much memory the library holds at most while it works on one input.
#ifndef TEST_MEMORY_WATCH_H
#define TEST_MEMORY_WATCH_H

#include <stddef.h>

// Begins to count anew. Nothing is counted in builds without AddressSanitizer, which is what tells
// about allocations.
void memory_watch_begin(void);

// The most bytes that were allocated and not yet freed at one time since then.
size_t memory_watch_peak(void);

#endif
