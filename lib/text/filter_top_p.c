// Top-p: which probability the running sum stops at, without sorting a vocabulary for every token.
#include "text/filters.h"

#include <string.h>

// Probabilities by size: 16 buckets from one power of two to the next, the last one for 1 itself.
// What is smaller than 2^-64 shares the first.
enum { STEPS = 16, OCTAVES = 64, BUCKETS = OCTAVES * STEPS + 1 };
static const double smallest_bucketed = 0x1p-64;

// The exponent of p > 0 and as much of its fraction as tells STEPS values apart: a number that
// counts up with p, since that is how the bits of positive doubles are ordered.
static size_t step_of(double p) {
    enum { SHIFT = 48 };
    uint64_t bits;
    memcpy(&bits, &p, sizeof bits);
    return (size_t)(bits >> SHIFT);
}

static size_t bucket_of(double p) {
    if (p < smallest_bucketed) return 0;
    const size_t bucket = step_of(p) - step_of(smallest_bucketed);
    return bucket < BUCKETS ? bucket : BUCKETS - 1; // rounding may have made p a little more than 1
}

// The bucket in which the running sum, from the largest probabilities down, reaches top_p (the
// first one, where rounding keeps it from doing so at all). *above gets the sum of the larger ones.
static size_t find_bucket(const rk__candidates *candidates, double top_p, double *above) {
    double mass[BUCKETS] = {0};
    for (size_t i = 0; i < candidates->count; i++) {
        const double p = candidates->items[i].p;
        mass[bucket_of(p)] += p;
    }
    size_t bucket = BUCKETS - 1;
    for (*above = 0; bucket > 0 && (mass[bucket] == 0 || *above + mass[bucket] < top_p); bucket--) {
        *above += mass[bucket];
    }
    return bucket;
}

// The probability at which the running sum first reaches top_p < 1. The sum over buckets narrows
// the search to a few probabilities without sorting anything; a heap gives those out in order.
static double find_cutoff(rk__candidates *candidates, double top_p) {
    double sum;
    const size_t bucket = find_bucket(candidates, top_p, &sum);
    rk__heap_item *heap = candidates->scratch;
    size_t n = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        const double p = candidates->items[i].p;
        if (bucket_of(p) == bucket) heap[n++] = (rk__heap_item){.score = p, .p = p};
    }
    rk__heap_make(heap, n);

    double cutoff = 0;
    while (n > 0) {
        cutoff = rk__heap_pop(heap, &n).p;
        sum += cutoff;
        if (sum >= top_p) break;
    }
    return cutoff;
}

void rk__filter_top_p(rk__candidates *candidates, double top_p) {
    if (top_p >= 1) return;
    rk__candidates_keep_from(candidates, find_cutoff(candidates, top_p));
}
