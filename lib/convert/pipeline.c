// The ordered pipeline. Every thread does what there is to do: finish the next item if it has been
// made and nobody is finishing, otherwise make the next one if a slot is free, otherwise wait.
#include "convert/pipeline.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/memory.h"

// What became of the item in a slot.
typedef struct outcome {
    bool made;
    rk_status status; // of its making
    rk_error err;
} outcome;

typedef struct run {
    const rk__pipeline *pipeline;
    outcome *outcomes; // [n_slots]

    pthread_mutex_t lock; // protects everything below, and `outcomes` of items not being made
    pthread_cond_t changed;
    size_t n_begun, n_finished; // items
    bool finishing;             // a thread is
    bool stopped;               // no further item is begun
    bool over;                  // nothing more is to be done
    rk_status status;
    rk_error err;
} run;

static outcome *outcome_of(const run *r, size_t item) {
    return &r->outcomes[item % r->pipeline->n_slots];
}

// The functions below are called with the lock held; while they call the job's own, it is free.

static void end(run *r, rk_status status, const rk_error *err) {
    r->over = true;
    if (r->status != RK_OK || status == RK_OK) return; // the first failure counts
    r->status = status;
    r->err = *err;
}

static bool can_finish(const run *r) {
    return !r->finishing && r->n_finished < r->n_begun && outcome_of(r, r->n_finished)->made;
}

static void finish_next(run *r) {
    const rk__pipeline *p = r->pipeline;
    const size_t item = r->n_finished;
    outcome *out = outcome_of(r, item);
    if (out->status != RK_OK) {
        end(r, out->status, &out->err);
        return;
    }
    rk_error err;
    r->finishing = true;
    pthread_mutex_unlock(&r->lock);
    const rk_status status = p->finish(p->self, item, item % p->n_slots, &err);
    pthread_mutex_lock(&r->lock);
    r->finishing = false;
    if (status != RK_OK) {
        end(r, status, &err);
        return;
    }
    out->made = false;
    r->n_finished++;
    if (r->n_finished == p->n_items) end(r, RK_OK, NULL);
}

static bool can_make(const run *r) {
    return !r->stopped && r->n_begun < r->pipeline->n_items &&
           r->n_begun - r->n_finished < r->pipeline->n_slots;
}

static void make_next(run *r, size_t thread) {
    const rk__pipeline *p = r->pipeline;
    const size_t item = r->n_begun++;
    outcome *out = outcome_of(r, item);
    pthread_mutex_unlock(&r->lock);
    const rk_status status = p->make(p->self, item, item % p->n_slots, thread, &out->err);
    pthread_mutex_lock(&r->lock);
    out->status = status;
    out->made = true;
    if (status != RK_OK) r->stopped = true;
}

static void watch(run *r, size_t *seen) {
    const rk__pipeline *p = r->pipeline;
    const size_t n = r->n_finished;
    if (*seen == n) return;
    *seen = n;
    rk_error err;
    pthread_mutex_unlock(&r->lock);
    const rk_status status = p->watch(p->self, n, &err);
    pthread_mutex_lock(&r->lock);
    if (status != RK_OK) end(r, status, &err);
}

static void work(void *argument, size_t thread, size_t n_threads) {
    (void)n_threads;
    run *r = argument;
    size_t seen = 0;
    pthread_mutex_lock(&r->lock);
    while (!r->over) {
        if (can_finish(r)) {
            finish_next(r);
        } else if (can_make(r)) {
            make_next(r, thread);
        } else {
            pthread_cond_wait(&r->changed, &r->lock);
            continue; // whoever woke us has told everybody
        }
        pthread_cond_broadcast(&r->changed);
        if (thread == 0) watch(r, &seen);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

rk_status rk__pipeline_run(const rk__pipeline *pipeline, rk_pool *pool, rk_error *err) {
    assert(pipeline->n_slots > 0);
    if (pipeline->n_items == 0) return RK_OK;
    run r = {.pipeline = pipeline};
    void *memory;
    RK_TRY(rk__alloc(&memory, pipeline->n_slots, sizeof r.outcomes[0], err));
    r.outcomes = memory;
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.changed, NULL);
    rk_pool_run(pipeline->n_items == 1 ? NULL : pool, work, &r);
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    rk__free(r.outcomes);
    if (r.status != RK_OK && err != NULL) *err = r.err;
    return r.status;
}
