// What this machine can do at best: the limits that kernels are held against.
//
//   read       bytes read from memory in long ranges; the fastest of several loops
//   copy       bytes copied from memory to memory, those that are read
//   cache      bytes copied within the first cache, those that are read and those that are written
//   fma        float32 multiply-adds, 2 operations each, in vectors of 256 or 512 bits
//   add16      8-bit integers: multiply, add pairs in 16 bits, add to a sum in 16 bits
//   add32      the same, but pairs are widened and added to a sum in 32 bits
//   dot        multiplies and adds four in 32 bits with one instruction (VNNI)
//
// A product of 8-bit integers counts as 2 operations, too.
#ifndef BENCH_MACHINE_LIMITS_H
#define BENCH_MACHINE_LIMITS_H

#include <stdint.h>

#include "comparison.h"

typedef enum bench_limit {
    BENCH_READ,
    BENCH_COPY,
    BENCH_CACHE,
    BENCH_FMA_256,
    BENCH_FMA_512,
    BENCH_ADD16_256,
    BENCH_ADD32_256,
    BENCH_DOT_256,
    BENCH_DOT_512,
    BENCH_LIMIT_COUNT
} bench_limit;

const char *bench_limit_name(bench_limit limit); // "read", "fma-256", ...
const char *bench_limit_unit(bench_limit limit); // of 1e9 a second: "GB/s", "GOP/s"

// Whether this machine has the instructions.
bool bench_limit_exists(bench_limit limit);

// The limits of one pool.
typedef struct bench_limits {
    rk_pool *pool;   // borrowed
    uint8_t *memory; // [bytes], owned
    size_t bytes;
    size_t at; // what each thread reads next of its part
    struct bench_reader {
        size_t streams; // ranges that are read at once
        size_t ahead;   // bytes that are prefetched ahead in each
    } reader;           // the fastest one
    struct bench_limit_job {
        struct bench_limits *limits;
        bench_limit limit;
    } jobs[BENCH_LIMIT_COUNT];
} bench_limits;

// Allocates memory to read, more than a cache holds, and finds the fastest way of reading it.
// `limits` may not be moved afterwards. A smoke plan is content with little memory.
void bench_limits_init(bench_limits *limits, rk_pool *pool, const bench_plan *plan);
void bench_limits_fini(bench_limits *limits);

// The limit as work to be measured, on all threads of the pool. Borrows `limits`.
bench_work bench_limit_work(bench_limits *limits, bench_limit limit);

#endif
