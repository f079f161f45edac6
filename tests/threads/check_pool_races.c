// Drives the thread pool hard, for the thread sanitizer to watch (Criterion cannot run under it).
//
// The jobs write plain memory that the caller and other threads' later jobs read: only the pool's
// hand-over orders these accesses, so a missing fence is a report, and a lost or doubled job a
// wrong sum.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rk/pool.h"

enum { CELLS = 64, ROUNDS = 3000, LONG_PAUSE_EVERY = 500 };

typedef struct ring {
    uint64_t cells[CELLS];
    uint64_t round; // written by the caller between jobs
} ring;

// Thread t adds the round's number to its share of the cells, which were another thread's in the
// last round.
static void add_round(void *argument, size_t thread, size_t n_threads) {
    ring *r = argument;
    for (size_t i = 0; i < CELLS; i++) {
        if ((i + r->round) % n_threads == thread) r->cells[i] += r->round;
    }
}

static void fail(const char *what, size_t n_threads) {
    printf("%s with %zu threads\n", what, n_threads);
    exit(1);
}

// Runs all rounds on a new pool. Pauses now and then let the workers fall asleep.
static void drive(size_t n_threads) {
    rk_pool *pool;
    const rk_pool_options options = {.n_threads = n_threads};
    if (rk_pool_new(&pool, &options, NULL) != RK_OK) fail("no pool", n_threads);
    const struct timespec pause = {.tv_nsec = 2000000};
    ring r = {0};
    uint64_t sum = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (round % LONG_PAUSE_EVERY == 0) nanosleep(&pause, NULL);
        r.round = round;
        sum += round;
        rk_pool_run(pool, add_round, &r);
        for (size_t i = 0; i < CELLS; i++) {
            if (r.cells[i] != sum) fail("a job was lost or came twice", n_threads);
        }
    }
    rk_pool_free(&pool);
}

static void *drive_in_thread(void *argument) {
    drive(*(const size_t *)argument);
    return NULL;
}

int main(void) {
    static const size_t sizes[] = {1, 2, 3, 4, 7};
    enum { N_SIZES = sizeof sizes / sizeof sizes[0] };
    for (size_t i = 0; i < N_SIZES; i++) drive(sizes[i]);

    // Pools know nothing of each other.
    pthread_t threads[N_SIZES];
    for (size_t i = 0; i < N_SIZES; i++) {
        if (pthread_create(&threads[i], NULL, drive_in_thread, (void *)&sizes[i]) != 0) return 1;
    }
    for (size_t i = 0; i < N_SIZES; i++) pthread_join(threads[i], NULL);

    // Ended before the workers have begun.
    for (size_t i = 0; i < 200; i++) {
        rk_pool *pool;
        const rk_pool_options options = {.n_threads = 1 + i % 5};
        if (rk_pool_new(&pool, &options, NULL) != RK_OK) fail("no pool", options.n_threads);
        rk_pool_free(&pool);
    }
    printf("pools of 1, 2, 3, 4 and 7 threads, %d rounds each, alone and together\n", ROUNDS);
    return 0;
}
