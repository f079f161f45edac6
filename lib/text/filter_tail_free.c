// Tail-free sampling: cuts where the sorted probabilities have stopped bending.
#include "text/filters.h"

#include <math.h>

// Puts the probabilities, largest first, into the `p` of the scratch items. A heap pops from the
// end of its array, so the k-th largest goes to where the heap no longer is.
static void sort_down(rk__candidates *candidates) {
    rk__heap_item *items = candidates->scratch;
    size_t n = candidates->count;
    for (size_t i = 0; i < n; i++) items[i].score = candidates->items[i].p;
    rk__heap_make(items, n);
    while (n > 0) {
        const rk__heap_item largest = rk__heap_pop(items, &n);
        items[n].score = largest.score;
    }
    // Ascending now.
    const size_t last = candidates->count - 1;
    for (size_t i = 0; i <= last; i++) items[i].p = items[last - i].score;
}

static double bend(const rk__heap_item *sorted, size_t i) {
    return fabs((sorted[i].p - sorted[i + 1].p) - (sorted[i + 1].p - sorted[i + 2].p));
}

void rk__filter_tail_free(rk__candidates *candidates, double z) {
    if (z <= 0 || z >= 1 || candidates->count < 3) return;
    sort_down(candidates);
    const rk__heap_item *sorted = candidates->scratch;
    const size_t n_bends = candidates->count - 2;
    double total = 0;
    for (size_t i = 0; i < n_bends; i++) total += bend(sorted, i);
    if (!(total > 0)) return;

    size_t last_kept = 0;
    double sum = 0;
    for (; last_kept < n_bends; last_kept++) {
        sum += bend(sorted, last_kept);
        if (sum > z * total) break;
    }
    rk__candidates_keep_from(candidates, sorted[last_kept].p);
}
