// Top-k: the k most probable candidates.
#include "text/filters.h"

// The k-th largest weight.
static double find_cutoff(rk__candidates *candidates, size_t k) {
    rk__heap_item *heap = candidates->scratch;
    for (size_t i = 0; i < candidates->count; i++) heap[i].score = candidates->items[i].weight;
    size_t n = candidates->count;
    rk__heap_make(heap, n);
    double cutoff = 0;
    for (size_t i = 0; i < k; i++) cutoff = rk__heap_pop(heap, &n).score;
    return cutoff;
}

void rk__filter_top_k(rk__candidates *candidates, size_t k) {
    if (k == 0 || k >= candidates->count) return;
    const double cutoff = find_cutoff(candidates, k);
    size_t places = k; // that are left to candidates equal to the cutoff
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].weight > cutoff) places--;
    }
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        const double weight = candidates->items[i].weight;
        if (weight < cutoff || (weight == cutoff && places == 0)) continue;
        if (weight == cutoff) places--;
        candidates->items[kept++] = candidates->items[i];
    }
    rk__candidates_shrink(candidates, kept);
}
