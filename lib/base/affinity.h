// The processors that this process may run on, and which of them share a core.
#ifndef RK_BASE_AFFINITY_H
#define RK_BASE_AFFINITY_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error_internal.h"

typedef struct rk__processors {
    // [count], owned: one of each core first, then those that share a core with one of them
    size_t *numbers;
    size_t count;   // at least 1
    size_t n_cores; // at least 1
} rk__processors;

// Reads the affinity mask of the calling thread. Where the system does not tell about cores, every
// processor counts as one. Free with rk__processors_fini.
rk_status rk__processors_init(rk__processors *processors, rk_error *err);

// The same for another mask, which names processors below `limit`, and the files
// cpu<n>/topology/... in another folder than the system's: for tests, which must not depend on what
// machine they run on.
rk_status rk__processors_scan(rk__processors *processors, const cpu_set_t *mask, size_t limit,
                              const char *folder, rk_error *err);

void rk__processors_fini(rk__processors *processors);

// Binds a thread to one processor; false when the system does not let us.
bool rk__bind_thread(pthread_t thread, size_t processor);

#endif
