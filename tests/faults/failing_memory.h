// malloc and its family, counted, and made to fail once. A program that is linked with
// failing_memory.c gets it for all of its code, the libraries it loads included.
#ifndef TEST_FAILING_MEMORY_H
#define TEST_FAILING_MEMORY_H

#include <stddef.h>

// From now on allocations are counted, and number `which` (1: the next one) fails; 0: none.
void failing_memory_arm(size_t which);

// Allocations since then; none fails any more.
size_t failing_memory_disarm(void);

// Blocks that have been allocated and not been freed.
long failing_memory_live(void);

#endif
