// Measuring a speed as a share of a limit that is measured at the same time.
//
// Machines differ from hour to hour, above all virtual ones, whose memory and cores are shared with
// others. So short slices of the work take turns with slices of the limit, every pair gives a
// ratio, and the median of the ratios is what counts. A pair in which the system took the processor
// from one of our threads says nothing about either; it is measured again, and counted.
#ifndef BENCH_COMPARISON_H
#define BENCH_COMPARISON_H

#include "rk/pool.h"

// Something that takes time. `run` does a piece of it, of much less than a millisecond if
// possible, and returns its amount: bytes, operations, tokens.
typedef struct bench_work {
    double (*run)(void *argument);
    void *argument;
} bench_work;

// How much is measured.
typedef struct bench_plan {
    size_t pairs;         // of slices
    size_t attempts;      // pairs measured at most; the disturbed ones count if there are no others
    double slice_seconds; // 0: one piece of work a slice
    double most_seconds;  // after which disturbed pairs count, too; 0: no such time
} bench_plan;

extern const bench_plan bench_plan_normal;
extern const bench_plan bench_plan_smoke; // as little as shows that it runs

// Quartiles.
typedef struct bench_spread {
    double low, median, high;
} bench_spread;

typedef struct bench_comparison {
    bench_spread rate, limit; // amounts a second
    bench_spread ratio;       // rate / limit, pair by pair
    size_t pairs;             // that these are made of
    size_t disturbed;         // of these: only when attempts ran out
} bench_comparison;

// The work in turns with the limit. `pool` (may be NULL) is the one that both run on: its threads
// are brought together before each slice.
void bench_compare(bench_comparison *out, const bench_work *work, const bench_work *limit,
                   rk_pool *pool, const bench_plan *plan);

// One work alone.
bench_spread bench_rate(const bench_work *work, rk_pool *pool, const bench_plan *plan);

// Quartiles of n > 0 values, which are sorted on the way.
bench_spread bench_spread_of(double *values, size_t n);

double bench_seconds(void); // of a clock that never jumps

#endif
