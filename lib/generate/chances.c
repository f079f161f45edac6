// Log probabilities of a token and of the most probable ones.
#include "generate/chances.h"

#include <math.h>

double rk__log_sum(const float *logits, size_t n_vocab) {
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < n_vocab; i++) largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < n_vocab; i++) sum += exp((double)logits[i] - largest);
    return largest + log(sum);
}

// By insertion: n is a handful, and few logits reach the list at all.
void rk__most_probable(const float *logits, size_t n_vocab, double log_sum, rk_token_chance *top,
                       size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n_vocab && n > 0; i++) {
        const float log_p = (float)((double)logits[i] - log_sum);
        if (count == n && log_p <= top[n - 1].log_p) continue;
        size_t at = count < n ? count++ : n - 1;
        for (; at > 0 && top[at - 1].log_p < log_p; at--) top[at] = top[at - 1];
        top[at] = (rk_token_chance){.token = (uint32_t)i, .log_p = log_p};
    }
}
