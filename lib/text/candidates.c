// Candidates of a draw: from logits, to probabilities, to one token.
#include "text/candidates.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"

rk_status rk__candidates_init(rk__candidates *candidates, size_t n_vocab, rk_error *err) {
    *candidates = (rk__candidates){.capacity = n_vocab};
    void *memory;
    rk_status status = rk__alloc_aligned(&memory, n_vocab, sizeof(rk__candidate), err);
    if (status != RK_OK) goto out;
    candidates->items = memory;
    status = rk__alloc_aligned(&memory, n_vocab, sizeof(rk__heap_item), err);
    if (status != RK_OK) goto out;
    candidates->scratch = memory;
out:
    if (status != RK_OK) rk__candidates_fini(candidates);
    return status;
}

void rk__candidates_fini(rk__candidates *candidates) {
    rk__free(candidates->items);
    rk__free(candidates->scratch);
    *candidates = (rk__candidates){0};
}

// False for NaN, too.
static bool is_usable(float logit) {
    return logit < INFINITY;
}

static rk_status find_largest(float *largest, const float *logits, size_t n, rk_error *err) {
    *largest = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!is_usable(logits[i])) {
            return rk__fail(err, RK_ERR_RANGE, "the logit of token %zu is %s", i,
                            isnan(logits[i]) ? "NaN" : "infinite");
        }
        if (logits[i] > *largest) *largest = logits[i];
    }
    if (*largest > -INFINITY) return RK_OK;
    return rk__fail(err, RK_ERR_RANGE, "all %zu logits are -infinity: no token is left to draw", n);
}

rk_status rk__candidates_load(rk__candidates *candidates, const float *logits, rk_error *err) {
    candidates->count = 0;
    float largest;
    RK_TRY(find_largest(&largest, logits, candidates->capacity, err));
    for (size_t i = 0; i < candidates->capacity; i++) {
        if (logits[i] == -INFINITY) continue;
        candidates->items[candidates->count++] =
            (rk__candidate){.weight = (double)logits[i] - (double)largest, .token = (uint32_t)i};
    }
    return RK_OK;
}

static void normalize(rk__candidates *candidates, double sum) {
    for (size_t i = 0; i < candidates->count; i++) candidates->items[i].p /= sum;
}

double rk__candidates_largest_weight(const rk__candidates *candidates) {
    double largest = -INFINITY;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].weight > largest) largest = candidates->items[i].weight;
    }
    return largest;
}

void rk__candidates_softmax(rk__candidates *candidates) {
    // Relative to the largest weight, one term is exp(0): the sum can be neither 0 nor infinite.
    const double largest = rk__candidates_largest_weight(candidates);
    double sum = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        rk__candidate *c = &candidates->items[i];
        c->p = exp(c->weight - largest);
        sum += c->p;
    }
    normalize(candidates, sum);
}

void rk__candidates_shrink(rk__candidates *candidates, size_t kept) {
    assert(kept > 0 && kept <= candidates->count);
    if (kept == candidates->count) return;
    candidates->count = kept;
    double sum = 0;
    for (size_t i = 0; i < kept; i++) sum += candidates->items[i].p;
    // What a filter by weight leaves may have no probability, or not yet.
    if (sum > 0) {
        normalize(candidates, sum);
    } else {
        rk__candidates_softmax(candidates);
    }
}

void rk__candidates_keep_from(rk__candidates *candidates, double cutoff) {
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].p >= cutoff) candidates->items[kept++] = candidates->items[i];
    }
    rk__candidates_shrink(candidates, kept);
}

uint32_t rk__candidates_pick(const rk__candidates *candidates, double u) {
    double sum = 0;
    size_t last = 0; // a candidate that has a chance, for when rounding leaves the sum below u
    for (size_t i = 0; i < candidates->count; i++) {
        const double p = candidates->items[i].p;
        sum += p;
        if (sum > u) return candidates->items[i].token;
        if (p > 0) last = i;
    }
    return candidates->items[last].token;
}
