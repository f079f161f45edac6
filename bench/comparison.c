// Slices in turns, and the medians of what they give.
#include "comparison.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "cli/allocate.h"

const bench_plan bench_plan_normal = {
    .pairs = 61,
    .attempts = 3000,
    .slice_seconds = 1e-3,
    .most_seconds = 6,
};
const bench_plan bench_plan_smoke = {.pairs = 1, .attempts = 1, .slice_seconds = 0};

double bench_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bench_spread bench_spread_of(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare_doubles);
    return (bench_spread){values[n / 4], values[n / 2], values[n - 1 - n / 4]};
}

// How often the system has taken the processor from one of our threads.
static long interruptions(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

static void nothing(void *argument, size_t thread, size_t n_threads) {
    (void)argument;
    (void)thread;
    (void)n_threads;
}

// Amount a second of one slice. The pool's threads are awake when it begins: they have just done a
// job.
static double run_slice(const bench_work *work, rk_pool *pool, double seconds) {
    rk_pool_run(pool, nothing, NULL);
    const double begin = bench_seconds();
    double amount = 0, now;
    do {
        amount += work->run(work->argument);
        now = bench_seconds();
    } while (now - begin < seconds);
    return amount / (now - begin);
}

// How long there will be another attempt after a disturbed one.
typedef struct patience {
    size_t attempts;
    double until; // of bench_seconds; 0: for ever
} patience;

static patience patience_of(const bench_plan *plan) {
    return (patience){plan->attempts,
                      plan->most_seconds > 0 ? bench_seconds() + plan->most_seconds : 0};
}

static bool patience_ends(patience *left) {
    if (left->attempts > 0) left->attempts--;
    return left->attempts == 0 || (left->until > 0 && bench_seconds() > left->until);
}

// One undisturbed pair if possible; limit may be NULL. False: disturbed, and patience has ended.
static bool run_pair(double *rate, double *limit_rate, const bench_work *work,
                     const bench_work *limit, rk_pool *pool, double seconds, bool limit_first,
                     patience *left) {
    for (;;) {
        rk_pool_run(pool, nothing, NULL);
        const long before = interruptions();
        if (limit != NULL && limit_first) *limit_rate = run_slice(limit, pool, seconds);
        *rate = run_slice(work, pool, seconds);
        if (limit != NULL && !limit_first) *limit_rate = run_slice(limit, pool, seconds);
        const bool calm = interruptions() == before, ends = patience_ends(left);
        if (calm || ends) return calm;
    }
}

void bench_compare(bench_comparison *out, const bench_work *work, const bench_work *limit,
                   rk_pool *pool, const bench_plan *plan) {
    *out = (bench_comparison){.pairs = plan->pairs};
    double *const rates = cli_allocate(3 * plan->pairs, sizeof *rates);
    double *const limits = rates + plan->pairs, *const ratios = limits + plan->pairs;
    patience left = patience_of(plan);
    (void)work->run(work->argument); // so that pages and caches are in their places
    (void)limit->run(limit->argument);
    for (size_t i = 0; i < plan->pairs; i++) {
        if (!run_pair(&rates[i], &limits[i], work, limit, pool, plan->slice_seconds, i % 2 == 0,
                      &left)) {
            out->disturbed++;
        }
        ratios[i] = rates[i] / limits[i];
    }
    out->rate = bench_spread_of(rates, plan->pairs);
    out->limit = bench_spread_of(limits, plan->pairs);
    out->ratio = bench_spread_of(ratios, plan->pairs);
    free(rates);
}

bench_spread bench_rate(const bench_work *work, rk_pool *pool, const bench_plan *plan) {
    double *const rates = cli_allocate(plan->pairs, sizeof *rates);
    patience left = patience_of(plan);
    (void)work->run(work->argument);
    for (size_t i = 0; i < plan->pairs; i++) {
        double unused;
        (void)run_pair(&rates[i], &unused, work, NULL, pool, plan->slice_seconds, false, &left);
    }
    const bench_spread spread = bench_spread_of(rates, plan->pairs);
    free(rates);
    return spread;
}
