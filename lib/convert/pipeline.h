// An ordered pipeline on a thread pool: items are made by several threads at once, and finished one
// at a time in their order while others are being made.
#ifndef RK_CONVERT_PIPELINE_H
#define RK_CONVERT_PIPELINE_H

#include <stddef.h>

#include "base/error_internal.h"
#include "rk/pool.h"

typedef struct rk__pipeline {
    size_t n_items;
    // Items that may be between the beginning of `make` and the end of `finish`; at least 1, more
    // than threads to be of use. Item i lives in slot i % n_slots.
    size_t n_slots;

    // Makes an item, on any thread of the pool: thread = 0 .. n_threads - 1.
    rk_status (*make)(void *self, size_t item, size_t slot, size_t thread, rk_error *err);

    // Finishes an item that has been made, on any thread.
    rk_status (*finish)(void *self, size_t item, size_t slot, rk_error *err);

    // Called now and then on the thread that runs the pipeline: so many items are finished.
    rk_status (*watch)(void *self, size_t n_finished, rk_error *err);

    void *self;
} rk__pipeline;

// Runs all items, or up to the first failure. It is the one of the first item that fails, however
// many threads there are; all items before it have been finished, and nothing runs any more.
rk_status rk__pipeline_run(const rk__pipeline *pipeline, rk_pool *pool, rk_error *err);

#endif
