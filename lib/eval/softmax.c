// Probabilities from logits.
#include "eval/softmax.h"

#include <math.h>

#include "kernels/exponentials.h"

enum {
    LANES = 16,  // numbers looked at side by side, so that compilers can use vectors
    BLOCK = 128, // exponentials computed at a time
};

// The first of the largest; NaN is passed over, and nothing is larger than -INFINITY.
static size_t find_largest(const float *logits, size_t n) {
    float lanes[LANES], largest = -INFINITY;
    for (size_t lane = 0; lane < LANES; lane++) lanes[lane] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            const float x = logits[i + lane];
            lanes[lane] = x > lanes[lane] ? x : lanes[lane];
        }
    }
    for (; i < n; i++) largest = logits[i] > largest ? logits[i] : largest;
    for (size_t lane = 0; lane < LANES; lane++) {
        largest = lanes[lane] > largest ? lanes[lane] : largest;
    }
    for (i = 0; i < n; i++) {
        if (logits[i] == largest) return i;
    }
    return 0;
}

rk__softmax rk__softmax_of(const float *logits, size_t n) {
    const size_t best = find_largest(logits, n);
    const float largest = logits[best];
    const rk__exponentials exponentials = rk__exponentials_of(rk__isa_available());
    double sum = 0, weights[BLOCK]; // exp relative to the largest; the sum is between 1 and n
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t count = n - i < BLOCK ? n - i : BLOCK;
        exponentials(weights, logits + i, largest, count);
        for (size_t j = 0; j < count; j++) sum += weights[j];
    }
    return (rk__softmax){.largest = largest, .best = best, .log_rest = log(sum)};
}

// log p - log q is the difference of the logits, taken from their largest, plus a constant, the
// difference of the log_rest; so one exponential a token is enough. Equal logits give 0 exactly.
// Below it lie only rounding errors: the true sum is none.
double rk__softmax_divergence(const float *p, rk__softmax of_p, const float *q, rk__softmax of_q,
                              size_t n) {
    const rk__exponentials exponentials = rk__exponentials_of(rk__isa_available());
    double sum = 0, total = 0, weights[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t count = n - i < BLOCK ? n - i : BLOCK;
        exponentials(weights, p + i, of_p.largest, count);
        for (size_t j = 0; j < count; j++) {
            const double below_p = (double)p[i + j] - (double)of_p.largest;
            const double below_q = (double)q[i + j] - (double)of_q.largest;
            total += weights[j];
            sum += weights[j] * (below_p - below_q);
        }
    }
    const double divergence = sum / total + (of_q.log_rest - of_p.log_rest);
    return divergence > 0 ? divergence : 0;
}

size_t rk__find_not_finite(const float *logits, size_t n) {
    // A finite number times 0 is 0; sums of it stay 0, in any order.
    float sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) sums[lane] += 0.0F * logits[i + lane];
    }
    bool fine = true;
    for (size_t lane = 0; lane < LANES; lane++) fine = fine && sums[lane] == 0;
    for (i = fine ? i : 0; i < n; i++) {
        if (!isfinite(logits[i])) return i;
    }
    return n;
}
