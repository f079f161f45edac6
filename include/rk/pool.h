// A pool of threads that is passed to whatever may use several. Nothing global, nothing started
// behind the caller's back. One job at a time: whoever comes to a pool that is at work runs the job
// alone.
#ifndef RK_POOL_H
#define RK_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_pool rk_pool;

typedef struct rk_pool_options {
    size_t n_threads; // the caller's thread counts as one; 0: physical cores of the affinity mask
    bool pin;         // bind each worker to one processor of the mask while n_threads fits it
} rk_pool_options;

// Makes a pool; options NULL means all zeros. *out is owned by the caller, NULL on failure.
rk_status rk_pool_new(rk_pool **out, const rk_pool_options *options, rk_error *err);

// Ends the workers; NULL is fine; *pool becomes NULL.
void rk_pool_free(rk_pool **pool);

// At least 1; a NULL pool has 1.
size_t rk_pool_threads(const rk_pool *pool);

// A job is called once on each thread of the pool with thread = 0 .. n_threads - 1.
typedef void (*rk_pool_job)(void *argument, size_t thread, size_t n_threads);

// Runs the job on all threads and returns when all are done. On the calling thread alone (thread 0
// of 1) when pool is NULL, or at work for another caller or for the job that calls.
void rk_pool_run(rk_pool *pool, rk_pool_job job, void *argument);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
