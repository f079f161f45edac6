// The thread pool: persistent workers that are handed one job at a time.
//
// A forward pass hands out hundreds of jobs of some microseconds a token, so a worker that has
// finished one looks for the next without sleeping for a short while; then it sleeps, and an idle
// pool costs nothing.
//
// Handing over: the caller writes job and argument, then counts `round` up (release); a worker that
// sees the new round (acquire) sees them. The way back is `running`, which the workers count down.
// Whoever sleeps announces it first and looks once more afterwards, whoever wakes writes first and
// looks for sleepers afterwards, all sequentially consistent: one of the two sees the other.
#include "rk/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/affinity.h"
#include "base/error_internal.h"
#include "base/memory.h"
#include "base/spin_pause.h"

enum { MAX_THREADS = 1024, SPINS = 1000, YIELDS = 50 };

typedef struct worker {
    rk_pool *pool; // borrowed
    size_t thread; // 1 .. n_threads - 1
    pthread_t id;
} worker;

struct rk_pool {
    size_t n_threads;
    size_t n_started; // workers that must be joined
    // 0 when there are more threads than processors: spinning would keep others from working
    unsigned spins;
    worker *workers; // [n_threads - 1], owned

    // Written by the caller between two rounds only.
    rk_pool_job job;
    void *argument;
    bool stop;

    _Alignas(RK_CACHE_LINE) atomic_uint round; // jobs handed out
    // A job is running
    atomic_bool busy;
    _Alignas(RK_CACHE_LINE) atomic_size_t running; // workers that have not finished this round

    // `lock` protects only the falling asleep: nobody can wake us between our last look and our
    // wait.
    pthread_mutex_t lock;
    pthread_cond_t round_began, round_ended;
    atomic_size_t n_asleep; // workers that wait for round_began, or are about to
    atomic_bool caller_asleep;
};

static bool new_round(rk_pool *pool, unsigned seen) {
    return atomic_load(&pool->round) != seen;
}

// Waits until the round is another than `seen`.
static void wait_for_round(rk_pool *pool, unsigned seen) {
    for (unsigned i = 0; i < pool->spins; i++) {
        if (new_round(pool, seen)) return;
        rk__spin_pause();
    }
    for (int i = 0; i < YIELDS; i++) {
        if (new_round(pool, seen)) return;
        sched_yield();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->n_asleep, 1);
    while (!new_round(pool, seen)) pthread_cond_wait(&pool->round_began, &pool->lock);
    atomic_fetch_sub(&pool->n_asleep, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void begin_round(rk_pool *pool) {
    atomic_store(&pool->running, pool->n_started);
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->n_asleep) == 0) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->round_began);
    pthread_mutex_unlock(&pool->lock);
}

static void finish_round(rk_pool *pool) {
    if (atomic_fetch_sub(&pool->running, 1) != 1) return;
    if (!atomic_load(&pool->caller_asleep)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->round_ended);
    pthread_mutex_unlock(&pool->lock);
}

static bool all_finished(rk_pool *pool) {
    return atomic_load(&pool->running) == 0;
}

static void wait_for_workers(rk_pool *pool) {
    for (unsigned i = 0; i < pool->spins; i++) {
        if (all_finished(pool)) return;
        rk__spin_pause();
    }
    for (int i = 0; i < YIELDS; i++) {
        if (all_finished(pool)) return;
        sched_yield();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->caller_asleep, true);
    while (!all_finished(pool)) pthread_cond_wait(&pool->round_ended, &pool->lock);
    atomic_store(&pool->caller_asleep, false);
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument) {
    const worker *self = argument;
    rk_pool *pool = self->pool;
    for (unsigned seen = 0;; seen++) {
        wait_for_round(pool, seen);
        if (pool->stop) return NULL;
        pool->job(pool->argument, self->thread, pool->n_threads);
        finish_round(pool);
    }
}

// Starts the workers. They leave signals to the program's own threads, except those that a thread's
// own instructions raise.
static rk_status start_workers(rk_pool *pool, rk_error *err) {
    sigset_t blocked, before;
    sigfillset(&blocked);
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);

    rk_status status = RK_OK;
    while (pool->n_started < pool->n_threads - 1) {
        worker *next = &pool->workers[pool->n_started];
        *next = (worker){.pool = pool, .thread = pool->n_started + 1};
        const int failed = pthread_create(&next->id, NULL, work, next);
        if (failed) {
            status = rk__fail_errno(err, failed, "cannot start thread %zu of %zu", next->thread + 1,
                                    pool->n_threads);
            break;
        }
        pool->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

// Binds worker i to the i-th processor of the list; the first one is left to the caller, who is not
// bound.
static void bind_workers(rk_pool *pool, const rk__processors *processors) {
    for (size_t i = 0; i < pool->n_started; i++) {
        // Advice: a worker that cannot be bound works as well.
        (void)rk__bind_thread(pool->workers[i].id, processors->numbers[i + 1]);
    }
}

static rk_status start(rk_pool *pool, const rk_pool_options *options, rk_error *err) {
    rk__processors processors;
    RK_TRY(rk__processors_init(&processors, err));
    pool->n_threads = options->n_threads ? options->n_threads : processors.n_cores;
    if (pool->n_threads > MAX_THREADS) pool->n_threads = MAX_THREADS;
    const bool fits = pool->n_threads <= processors.count;
    pool->spins = fits ? SPINS : 0;

    void *memory;
    rk_status status = rk__alloc(&memory, pool->n_threads - 1, sizeof *pool->workers, err);
    if (status != RK_OK) goto out;
    pool->workers = memory;
    status = start_workers(pool, err);
    if (status != RK_OK) goto out;
    if (options->pin && fits) bind_workers(pool, &processors);
out:
    rk__processors_fini(&processors);
    return status;
}

rk_status rk_pool_new(rk_pool **out, const rk_pool_options *options, rk_error *err) {
    *out = NULL;
    const rk_pool_options defaults = {0};
    if (!options) options = &defaults;
    if (options->n_threads > MAX_THREADS) {
        return rk__fail(err, RK_ERR_RANGE, "%zu threads asked for, at most %d are possible",
                        options->n_threads, MAX_THREADS);
    }

    void *memory;
    RK_TRY(rk__alloc_aligned(&memory, 1, sizeof(rk_pool), err));
    rk_pool *pool = memory;
    *pool = (rk_pool){.n_threads = 1};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->round_began, NULL);
    pthread_cond_init(&pool->round_ended, NULL);

    const rk_status status = start(pool, options, err);
    if (status != RK_OK) rk_pool_free(&pool);
    *out = pool;
    return status;
}

void rk_pool_free(rk_pool **pool) {
    rk_pool *p = *pool;
    if (!p) return;
    p->stop = true;
    begin_round(p);
    for (size_t i = 0; i < p->n_started; i++) pthread_join(p->workers[i].id, NULL);
    pthread_cond_destroy(&p->round_ended);
    pthread_cond_destroy(&p->round_began);
    pthread_mutex_destroy(&p->lock);
    rk__free(p->workers);
    rk__free(p);
    *pool = NULL;
}

size_t rk_pool_threads(const rk_pool *pool) {
    return pool ? pool->n_threads : 1;
}

void rk_pool_run(rk_pool *pool, rk_pool_job job, void *argument) {
    // A pool that is at work for somebody else is no use to a second caller.
    if (!pool || pool->n_threads == 1 || atomic_exchange(&pool->busy, true)) {
        job(argument, 0, 1);
        return;
    }
    pool->job = job;
    pool->argument = argument;
    begin_round(pool);
    job(argument, 0, pool->n_threads);
    wait_for_workers(pool);
    atomic_store(&pool->busy, false);
}
