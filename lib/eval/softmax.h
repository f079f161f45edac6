// Probabilities from logits, as logarithms in double precision.
#ifndef RK_EVAL_SOFTMAX_H
#define RK_EVAL_SOFTMAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The denominator of a softmax, as what it takes to keep its accuracy: log sum exp = largest +
// log_rest, where log_rest lies between 0 and log n.
typedef struct rk__softmax {
    float largest;
    size_t best; // the first logit that is the largest
    double log_rest;
} rk__softmax;

// NaN when a logit is NaN or +infinity, or when all are -infinity.
rk__softmax rk__softmax_of(const float *logits, size_t n);

// -log of the probability of something with this logit.
static inline double rk__softmax_loss(rk__softmax softmax, float logit) {
    return softmax.log_rest + ((double)softmax.largest - (double)logit);
}

// KL divergence of q from p in nats, the sum over p of log p - log q, of finite logits whose
// softmax is known.
double rk__softmax_divergence(const float *p, rk__softmax of_p, const float *q, rk__softmax of_q,
                              size_t n);

// The first of n logits that is NaN or infinite; n when all are finite.
size_t rk__find_not_finite(const float *logits, size_t n);

#endif
