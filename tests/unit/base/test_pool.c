// The pool: every thread runs every job exactly once, and the caller sees what they did.
#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/affinity.h"
#include "rk/pool.h"

enum { MAX_THREADS = 7 };

// What the threads of a job leave behind. Not atomic on purpose: the pool's own hand-over must make
// these visible, and the thread sanitizer watches that it does.
typedef struct tally {
    unsigned calls[MAX_THREADS];
    size_t n_threads;
} tally;

static void count_call(void *argument, size_t thread, size_t n_threads) {
    tally *t = argument;
    t->calls[thread]++;
    if (thread == 0) t->n_threads = n_threads;
}

static rk_pool *new_pool(size_t n_threads, bool pin) {
    rk_pool *pool;
    rk_error err = {0};
    const rk_pool_options options = {.n_threads = n_threads, .pin = pin};
    cr_assert_eq(rk_pool_new(&pool, &options, &err), RK_OK, "%s", err.message);
    return pool;
}

static void run_rounds(rk_pool *pool, size_t n_threads, unsigned rounds) {
    tally t = {0};
    for (unsigned round = 1; round <= rounds; round++) {
        rk_pool_run(pool, count_call, &t);
        cr_assert_eq(t.n_threads, n_threads);
        for (size_t i = 0; i < MAX_THREADS; i++) {
            cr_assert_eq(t.calls[i], i < n_threads ? round : 0, "round %u: thread %zu ran %u times",
                         round, i, t.calls[i]);
        }
    }
}

Test(pool, every_thread_runs_every_job_once) {
    for (size_t n = 1; n <= MAX_THREADS; n++) {
        rk_pool *pool = new_pool(n, false);
        cr_assert_eq(rk_pool_threads(pool), n);
        run_rounds(pool, n, 2000);
        rk_pool_free(&pool);
        cr_assert_null(pool);
    }
}

Test(pool, pinned_workers_work_as_well) {
    for (size_t n = 1; n <= MAX_THREADS; n++) {
        rk_pool *pool = new_pool(n, true);
        run_rounds(pool, n, 200);
        rk_pool_free(&pool);
    }
}

Test(pool, no_pool_is_the_caller) {
    cr_assert_eq(rk_pool_threads(NULL), 1);
    run_rounds(NULL, 1, 3);
    rk_pool *pool = NULL;
    rk_pool_free(&pool);
}

Test(pool, sleeping_workers_wake_up) {
    rk_pool *pool = new_pool(3, false);
    const struct timespec pause = {.tv_nsec = 5000000};
    tally t = {0};
    for (unsigned round = 1; round <= 20; round++) {
        nanosleep(&pause, NULL);
        rk_pool_run(pool, count_call, &t);
        for (size_t i = 0; i < 3; i++) cr_assert_eq(t.calls[i], round);
    }
    rk_pool_free(&pool);
}

static void wait_in_worker(void *argument, size_t thread, size_t n_threads) {
    (void)n_threads;
    const struct timespec pause = {.tv_nsec = 30000000};
    if (thread == 0) return;
    nanosleep(&pause, NULL);
    ((tally *)argument)->calls[thread]++;
}

Test(pool, a_caller_that_sleeps_wakes_up) {
    rk_pool *pool = new_pool(3, false);
    tally t = {0};
    for (unsigned round = 1; round <= 5; round++) {
        rk_pool_run(pool, wait_in_worker, &t);
        cr_assert_eq(t.calls[1], round);
        cr_assert_eq(t.calls[2], round);
    }
    rk_pool_free(&pool);
}

// Processor time of the whole process during `pause`, in seconds.
static double time_used(const struct timespec *pause) {
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    nanosleep(pause, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    return (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
}

Test(pool, an_idle_pool_costs_nothing) {
    rk_pool *pool = new_pool(4, false);
    run_rounds(pool, 4, 10);
    // The workers fall asleep soon, on a busy machine later.
    const struct timespec window = {.tv_nsec = 100000000};
    double used = time_used(&window);
    for (int i = 0; i < 30 && used > 0.002; i++) used = time_used(&window);
    cr_assert_leq(used, 0.002, "still %.4f s of processor time in 0.1 s of doing nothing", used);
    rk_pool_free(&pool);
}

Test(pool, pools_that_are_made_and_freed_at_once) {
    for (int i = 0; i < 200; i++) {
        rk_pool *pool = new_pool(1 + (size_t)i % MAX_THREADS, false);
        if (i % 2) run_rounds(pool, 1 + (size_t)i % MAX_THREADS, 1);
        rk_pool_free(&pool);
    }
}

static void *use_own_pool(void *argument) {
    const size_t n_threads = *(const size_t *)argument;
    rk_pool *pool = new_pool(n_threads, false);
    run_rounds(pool, n_threads, 1000);
    rk_pool_free(&pool);
    return NULL;
}

Test(pool, two_pools_in_two_threads) {
    static const size_t sizes[2] = {2, 3};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, use_own_pool, (void *)&sizes[i]), 0);
    }
    for (int i = 0; i < 2; i++) cr_assert_eq(pthread_join(threads[i], NULL), 0);
}

typedef struct nest {
    rk_pool *inner;
    tally inner_tally;
} nest;

static void run_inner(void *argument, size_t thread, size_t n_threads) {
    (void)n_threads;
    nest *n = argument;
    if (thread == 0) rk_pool_run(n->inner, count_call, &n->inner_tally);
}

Test(pool, a_job_may_use_another_pool) {
    rk_pool *outer = new_pool(2, false);
    nest n = {.inner = new_pool(2, false)};
    rk_pool_run(outer, run_inner, &n);
    cr_assert_eq(n.inner_tally.calls[0], 1);
    cr_assert_eq(n.inner_tally.calls[1], 1);
    rk_pool_free(&outer);
    rk_pool_free(&n.inner);
}

Test(pool, the_default_is_one_thread_a_core) {
    rk__processors processors;
    cr_assert_eq(rk__processors_init(&processors, NULL), RK_OK);
    rk_pool *pool;
    cr_assert_eq(rk_pool_new(&pool, NULL, NULL), RK_OK);
    cr_assert_eq(rk_pool_threads(pool), processors.n_cores);
    rk_pool_free(&pool);
    rk__processors_fini(&processors);
}

Test(pool, absurd_numbers_of_threads_are_refused) {
    rk_pool *pool = (rk_pool *)&pool;
    rk_error err = {0};
    const rk_pool_options options = {.n_threads = 100000};
    cr_assert_eq(rk_pool_new(&pool, &options, &err), RK_ERR_RANGE);
    cr_assert_null(pool);
    cr_assert_str_eq(err.message, "100000 threads asked for, at most 1024 are possible");
}

static void note_binding(void *argument, size_t thread, size_t n_threads) {
    (void)n_threads;
    cpu_set_t *masks = argument;
    sched_getaffinity(0, sizeof masks[thread], &masks[thread]);
}

Test(pool, pinned_workers_have_a_processor_each_and_the_caller_stays_free) {
    cpu_set_t before, masks[2];
    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) < 2) cr_skip_test("one processor");
    rk_pool *pool = new_pool(2, true);
    rk_pool_run(pool, note_binding, masks);
    cr_assert(CPU_EQUAL(&masks[0], &before));
    cr_assert_eq(CPU_COUNT(&masks[1]), 1);
    // The list's first processor is the one that the worker leaves to the caller.
    rk__processors processors;
    cr_assert_eq(rk__processors_init(&processors, NULL), RK_OK);
    cr_assert(CPU_ISSET(processors.numbers[1], &masks[1]));
    rk__processors_fini(&processors);
    rk_pool_free(&pool);

    // More threads than processors: nobody is bound.
    pool = new_pool((size_t)CPU_COUNT(&before) + 1, true);
    cpu_set_t many[CPU_SETSIZE + 1];
    if (rk_pool_threads(pool) <= CPU_SETSIZE) {
        rk_pool_run(pool, note_binding, many);
        cr_assert(CPU_EQUAL(&many[1], &before));
    }
    rk_pool_free(&pool);
}

static void note_signals(void *argument, size_t thread, size_t n_threads) {
    (void)n_threads;
    sigset_t *masks = argument;
    pthread_sigmask(SIG_SETMASK, NULL, &masks[thread]);
}

Test(pool, signals_go_to_the_caller) {
    sigset_t masks[2];
    rk_pool *pool = new_pool(2, false);
    rk_pool_run(pool, note_signals, masks);
    rk_pool_free(&pool);
    cr_assert_not(sigismember(&masks[0], SIGINT));
    cr_assert(sigismember(&masks[1], SIGINT));
    cr_assert_not(sigismember(&masks[1], SIGBUS), "a thread's own fault is its own");
}
