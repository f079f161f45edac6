// The filters that need no more than a loop.
#include "text/filters.h"

#include <math.h>

static double largest_p(const rk__candidates *candidates) {
    double largest = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].p > largest) largest = candidates->items[i].p;
    }
    return largest;
}

void rk__filter_min_p(rk__candidates *candidates, double min_p) {
    const double largest = largest_p(candidates);
    rk__candidates_keep_from(candidates, fmin(min_p, 1) * largest);
}

void rk__filter_top_a(rk__candidates *candidates, double top_a) {
    const double largest = largest_p(candidates);
    rk__candidates_keep_from(candidates, fmin(top_a * largest, 1) * largest);
}

void rk__filter_surprise(rk__candidates *candidates, double mu) {
    rk__candidates_keep_from(candidates, fmin(exp2(-mu), largest_p(candidates)));
}

// By weight, not by p: what is equal must have been equal before rounding, too.
static void keep_heaviest(rk__candidates *candidates) {
    const double largest = rk__candidates_largest_weight(candidates);
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].weight == largest) {
            candidates->items[kept++] = candidates->items[i];
        }
    }
    rk__candidates_shrink(candidates, kept);
}

void rk__filter_temperature(rk__candidates *candidates, double temperature) {
    if (temperature == 1) return;
    if (temperature == 0) {
        keep_heaviest(candidates);
        return;
    }
    // Relative to the largest weight: 0 / temperature stays 0, and what overflows goes to
    // -infinity, exp of which is the 0 that it should be.
    const double largest = rk__candidates_largest_weight(candidates);
    for (size_t i = 0; i < candidates->count; i++) {
        rk__candidate *c = &candidates->items[i];
        c->weight = (c->weight - largest) / temperature;
    }
    rk__candidates_softmax(candidates);
}
