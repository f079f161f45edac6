// Reading memory as fast as it goes, and the peaks on all threads at once.
#include "machine_limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/messages.h"
#include "kernels/inlining.h"
#include "peak_loops.h"

enum {
    PIECE = 4 << 20, // bytes read at a time, by all threads together
    PIECES = 128,
    SMOKE_PIECES = 2,
    LINE = 64, // bytes of a step of the reading loop
    MOST_STREAMS = 4,
};

static const struct {
    const char *name, *unit;
} limit_names[BENCH_LIMIT_COUNT] = {
    [BENCH_READ] = {"read", "GB/s"},
    [BENCH_COPY] = {"copy", "GB/s"},
    [BENCH_CACHE] = {"cache", "GB/s"},
    [BENCH_FMA_256] = {"fma-256", "GFLOP/s"},
    [BENCH_FMA_512] = {"fma-512", "GFLOP/s"},
    [BENCH_ADD16_256] = {"add16-256", "GOP/s"},
    [BENCH_ADD32_256] = {"add32-256", "GOP/s"},
    [BENCH_DOT_256] = {"dot-256", "GOP/s"},
    [BENCH_DOT_512] = {"dot-512", "GOP/s"},
};

const char *bench_limit_name(bench_limit limit) {
    return limit_names[limit].name;
}

const char *bench_limit_unit(bench_limit limit) {
    return limit_names[limit].unit;
}

bool bench_limit_exists(bench_limit limit) {
    return limit <= BENCH_CACHE || bench_peak_exists(limit);
}

// ---- reading

typedef uint64_t words __attribute__((vector_size(16), aligned(16)));

// Reads n bytes as so many streams side by side. What is prefetched may lie beyond them.
static RK__ALWAYS_INLINE void read_streams(const uint8_t *from, size_t n, size_t streams,
                                           size_t ahead) {
    words sums[MOST_STREAMS] = {{0}};
    const size_t part = n / streams / LINE * LINE;
    for (size_t i = 0; i < part; i += LINE) {
        RK__UNROLL
        for (size_t s = 0; s < streams; s++) {
            const uint8_t *const at = from + s * part + i;
            const words *const line = (const words *)(const void *)at;
            if (ahead > 0) __builtin_prefetch(at + ahead);
            RK__UNROLL
            for (size_t j = 0; j < LINE / sizeof(words); j++) sums[s] |= line[j];
        }
    }
    for (size_t s = 0; s < streams; s++) __asm__ volatile("" : : "x"(sums[s]));
}

static void read_range(const uint8_t *from, size_t n, const struct bench_reader *reader) {
    switch (reader->streams) {
    case 1:
        read_streams(from, n, 1, reader->ahead);
        break;
    case 2:
        read_streams(from, n, 2, reader->ahead);
        break;
    default:
        read_streams(from, n, MOST_STREAMS, reader->ahead);
        break;
    }
}

// What a thread reads at a time.
static size_t piece_bytes(size_t n_threads) {
    return PIECE / n_threads / (MOST_STREAMS * LINE) * (MOST_STREAMS * LINE);
}

// A thread's part of the memory is read from front to back and again.
static void read_job(void *argument, size_t thread, size_t n_threads) {
    const bench_limits *const limits = argument;
    const size_t n = piece_bytes(n_threads), pieces = limits->bytes / n_threads / n;
    const size_t piece = thread * pieces + limits->at % pieces;
    read_range(limits->memory + piece * n, n, &limits->reader);
}

static double run_read(void *argument) {
    bench_limits *const limits = argument;
    const size_t n_threads = rk_pool_threads(limits->pool);
    rk_pool_run(limits->pool, read_job, limits);
    limits->at++;
    return (double)(piece_bytes(n_threads) * n_threads);
}

static void find_best_reader(bench_limits *limits, const bench_plan *plan) {
    static const size_t distances[] = {0, 2048, 4096, 8192};
    const bench_work work = {run_read, limits};
    struct bench_reader best = {.streams = 1};
    double best_rate = 0;
    for (size_t streams = 1; streams <= MOST_STREAMS; streams *= 2) {
        for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++) {
            limits->reader = (struct bench_reader){streams, distances[i] / streams};
            const double rate = bench_rate(&work, limits->pool, plan).median;
            if (rate <= best_rate) continue;
            best_rate = rate;
            best = limits->reader;
        }
    }
    limits->reader = best;
}

void bench_limits_init(bench_limits *limits, rk_pool *pool, const bench_plan *plan) {
    const size_t pieces = plan->slice_seconds > 0 ? PIECES : SMOKE_PIECES;
    *limits = (bench_limits){.pool = pool, .bytes = pieces * PIECE};
    void *const memory =
        mmap(NULL, limits->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        cli_complain("no memory for %zu bytes to read", limits->bytes);
        exit(CLI_EXIT_FAILED);
    }
    (void)madvise(memory, limits->bytes, MADV_HUGEPAGE);
    memset(memory, 1, limits->bytes); // untouched pages would all be the same page of zeros
    limits->memory = memory;
    find_best_reader(limits, plan);
}

void bench_limits_fini(bench_limits *limits) {
    if (limits->memory != NULL) munmap(limits->memory, limits->bytes);
    *limits = (bench_limits){0};
}

// ---- copying

// From the first half of a thread's part of the memory to the second.
static void copy_job(void *argument, size_t thread, size_t n_threads) {
    const bench_limits *const limits = argument;
    const size_t n = piece_bytes(n_threads), half = limits->bytes / n_threads / n / 2;
    const size_t piece = 2 * thread * half + limits->at % half;
    memcpy(limits->memory + (piece + half) * n, limits->memory + piece * n, n);
}

static double run_copy(void *argument) {
    bench_limits *const limits = argument;
    const size_t n_threads = rk_pool_threads(limits->pool);
    rk_pool_run(limits->pool, copy_job, limits);
    limits->at++;
    return (double)(piece_bytes(n_threads) * n_threads);
}

enum { CACHED = 8 << 10, CACHED_ROUNDS = 64 };

static void cache_job(void *argument, size_t thread, size_t n_threads) {
    const bench_limits *const limits = argument;
    uint8_t *const memory = limits->memory + thread * piece_bytes(n_threads);
    for (size_t i = 0; i < CACHED_ROUNDS; i++) {
        memcpy(memory + CACHED, memory, CACHED);
        __asm__ volatile("" : : "r"(memory) : "memory"); // every round is done
    }
}

static double run_cache(void *argument) {
    bench_limits *const limits = argument;
    rk_pool_run(limits->pool, cache_job, limits);
    return 2.0 * CACHED * CACHED_ROUNDS * (double)rk_pool_threads(limits->pool);
}

// ---- the peaks

typedef struct bench_limit_job limit_job;

static void peak_job(void *argument, size_t thread, size_t n_threads) {
    (void)thread;
    (void)n_threads;
    const limit_job *const job = argument;
    bench_peak_run(job->limit);
}

static double run_peak(void *argument) {
    const limit_job *const job = argument;
    rk_pool *const pool = job->limits->pool;
    rk_pool_run(pool, peak_job, argument);
    return bench_peak_operations(job->limit) * (double)rk_pool_threads(pool);
}

bench_work bench_limit_work(bench_limits *limits, bench_limit limit) {
    if (limit == BENCH_READ) return (bench_work){run_read, limits};
    if (limit == BENCH_COPY) return (bench_work){run_copy, limits};
    if (limit == BENCH_CACHE) return (bench_work){run_cache, limits};
    limits->jobs[limit] = (limit_job){limits, limit};
    return (bench_work){run_peak, &limits->jobs[limit]};
}
