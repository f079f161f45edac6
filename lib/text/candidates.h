// The tokens that may still be drawn, and their probabilities: what samplers' filters work on.
//
// Filters drop candidates or change how probable they are. Every function leaves at least one
// candidate, the candidates in ascending order of their tokens, and (from rk__candidates_softmax
// on) probabilities that sum to 1 up to rounding, so filters can be chained in any order, and the
// same random number picks the same token whatever order a filter looked at them in.
#ifndef RK_CANDIDATES_H
#define RK_CANDIDATES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error_internal.h"
#include "text/heap.h"

typedef struct rk__candidate {
    double weight; // log p up to a constant that all candidates share; -infinity only where p is 0
    double p;
    uint32_t token;
} rk__candidate;

typedef struct rk__candidates {
    rk__candidate *items; // [count] of [capacity]
    size_t count, capacity;
    rk__heap_item *scratch; // [capacity], for a filter's use during its call
} rk__candidates;

// Room for n_vocab candidates, none yet.
rk_status rk__candidates_init(rk__candidates *candidates, size_t n_vocab, rk_error *err);
void rk__candidates_fini(rk__candidates *candidates);

// One candidate for each of logits[capacity] that is not -infinity, weights relative to the
// largest. NaN, +infinity and logits without any candidate are RK_ERR_RANGE; there are no
// candidates then.
rk_status rk__candidates_load(rk__candidates *candidates, const float *logits, rk_error *err);

double rk__candidates_largest_weight(const rk__candidates *candidates);

// Sets the probabilities from the weights.
void rk__candidates_softmax(rk__candidates *candidates);

// Drops every candidate whose p is below `cutoff`, which has to be at most the largest p.
void rk__candidates_keep_from(rk__candidates *candidates, double cutoff);

// For filters that have moved the candidates they keep to the front, in order: leaves the first
// `kept` >= 1 of them.
void rk__candidates_shrink(rk__candidates *candidates, size_t kept);

// The token at which the running sum of probabilities, by ascending token, first exceeds u, which
// lies in [0, 1).
uint32_t rk__candidates_pick(const rk__candidates *candidates, double u);

#endif
