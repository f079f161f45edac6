// Threads to measure with: a pool whose threads, the caller's included, are bound to a processor
// each, one a core first. Without that the figures depend on where the system puts them.
#ifndef BENCH_PINNED_POOL_H
#define BENCH_PINNED_POOL_H

#include "rk/pool.h"

// Physical cores among the processors that the program was started on.
size_t bench_cores(void);

// n_threads = 0: as many as there are cores. Ends the program with a message when there is none.
// Release: bench_pool_free, before another pool is made.
rk_pool *bench_pool_new(size_t n_threads);

// The caller may run anywhere again.
void bench_pool_free(rk_pool **pool);

#endif
