// Binding the caller beside the pool's workers, and letting it go again.
#include "pinned_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/affinity.h"
#include "cli/messages.h"

static cpu_set_t mask_before; // of the caller, while a pool exists
static bool have_mask;

static rk__processors processors_here(void) {
    rk__processors processors;
    rk_error err;
    if (rk__processors_init(&processors, &err) != RK_OK) exit(cli_failure(&err));
    return processors;
}

size_t bench_cores(void) {
    rk__processors processors = processors_here();
    const size_t n = processors.n_cores;
    rk__processors_fini(&processors);
    return n;
}

rk_pool *bench_pool_new(size_t n_threads) {
    rk__processors processors = processors_here();
    const rk_pool_options options = {.n_threads = n_threads, .pin = true};
    rk_pool *pool = NULL;
    rk_error err;
    if (rk_pool_new(&pool, &options, &err) != RK_OK) exit(cli_failure(&err));
    have_mask = sched_getaffinity(0, sizeof mask_before, &mask_before) == 0;
    // The pool has bound its workers to the second and later ones, if there are enough.
    if (have_mask && rk_pool_threads(pool) <= processors.count) {
        (void)rk__bind_thread(pthread_self(), processors.numbers[0]);
    }
    rk__processors_fini(&processors);
    return pool;
}

void bench_pool_free(rk_pool **pool) {
    if (*pool == NULL) return;
    rk_pool_free(pool);
    if (have_mask) (void)sched_setaffinity(0, sizeof mask_before, &mask_before);
    have_mask = false;
}
