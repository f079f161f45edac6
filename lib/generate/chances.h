// How probable the model found tokens, for callbacks that want to know.
#ifndef RK_CHANCES_H
#define RK_CHANCES_H

#include "rk/generate.h"

// log of the sum of exp(logits): what log softmax subtracts.
double rk__log_sum(const float *logits, size_t n_vocab);

// The n most probable tokens (n <= n_vocab), the most probable first, of equal ones the smaller.
void rk__most_probable(const float *logits, size_t n_vocab, double log_sum, rk_token_chance *top,
                       size_t n);

#endif
