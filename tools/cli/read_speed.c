// Reading memory as fast as it goes.
#include "cli/read_speed.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/sizes.h"

enum {
    BUFFER = 256 << 20, // bytes, more than the caches of most machines
    LINE = 128,         // bytes of a step of the loop
    PASSES = 5,
};

typedef uint64_t words __attribute__((vector_size(16)));

typedef struct read_job {
    const uint8_t *memory;
} read_job;

static void read_part(void *argument, size_t thread, size_t n_threads) {
    const read_job *job = argument;
    const size_t part = BUFFER / n_threads / LINE * LINE;
    const uint8_t *from = job->memory + thread * part;
    words sums[LINE / sizeof(words)] = {{0}};
    for (size_t i = 0; i < part; i += LINE) {
        const words *line = (const words *)(const void *)(from + i);
        for (size_t j = 0; j < LINE / sizeof(words); j++) sums[j] |= line[j];
    }
    // The compiler must believe that the sums are wanted.
    for (size_t j = 0; j < LINE / sizeof(words); j++) __asm__ volatile("" : : "m"(sums[j]));
}

double cli_read_speed(rk_pool *pool) {
    uint8_t *memory =
        mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 0;
    (void)madvise(memory, BUFFER, MADV_HUGEPAGE);
    memset(memory, 1, BUFFER); // untouched pages would all be the same page of zeros
    read_job job = {memory};
    const size_t n_threads = rk_pool_threads(pool);
    const double bytes = (double)(BUFFER / n_threads / LINE * LINE * n_threads);
    double best = 0;
    for (int i = 0; i < PASSES; i++) {
        const double start = cli_now();
        rk_pool_run(pool, read_part, &job);
        const double speed = bytes / (cli_now() - start);
        if (speed > best) best = speed;
    }
    munmap(memory, BUFFER);
    return best;
}
