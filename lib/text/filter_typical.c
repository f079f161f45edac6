// Locally typical sampling: the candidates that are about as surprising as could be expected.
#include "text/filters.h"

#include <math.h>

static double entropy_of(const rk__candidates *candidates) {
    double entropy = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        const double p = candidates->items[i].p;
        if (p > 0) entropy -= p * log(p);
    }
    return entropy;
}

// How far a candidate's surprise is from the entropy: infinitely, where it has no chance.
static double distance(double p, double entropy) {
    return fabs(-log(p) - entropy);
}

// The distance at which the running sum, from the nearest on, first reaches mass.
static double find_cutoff(rk__candidates *candidates, double mass, double entropy) {
    rk__heap_item *heap = candidates->scratch;
    size_t n = candidates->count;
    for (size_t i = 0; i < n; i++) {
        const double p = candidates->items[i].p;
        heap[i] = (rk__heap_item){.score = -distance(p, entropy), .p = p};
    }
    rk__heap_make(heap, n);
    double sum = 0, cutoff = 0;
    while (n > 0 && sum < mass) {
        const rk__heap_item nearest = rk__heap_pop(heap, &n);
        cutoff = -nearest.score;
        sum += nearest.p;
    }
    return cutoff;
}

void rk__filter_typical(rk__candidates *candidates, double mass) {
    if (mass <= 0 || mass >= 1) return;
    const double entropy = entropy_of(candidates);
    const double cutoff = find_cutoff(candidates, mass, entropy);
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (distance(candidates->items[i].p, entropy) > cutoff) continue;
        candidates->items[kept++] = candidates->items[i];
    }
    rk__candidates_shrink(candidates, kept);
}
