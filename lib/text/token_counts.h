// How often tokens have come, as penalties see it: with decay, and within a window or for ever.
#ifndef RK_TOKEN_COUNTS_H
#define RK_TOKEN_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error_internal.h"

typedef struct rk__token_count {
    uint32_t token;
    uint32_t times; // that it came, within the window; at least 1
    double count;   // the same, decayed, without the times it was exempt
} rk__token_count;

typedef struct rk__seen_token {
    uint32_t token;
    bool counted; // false: exempt
} rk__seen_token;

typedef struct rk__token_counts {
    rk__token_count *entries; // [n_entries], every token that came, once
    size_t n_entries, capacity;
    uint32_t *slots; // [n_vocab]: 1 + the token's entry; 0: it did not come
    size_t n_vocab;
    rk__seen_token *seen; // [window] the last tokens, a ring; unused without a window
    size_t window, n_seen, next;
} rk__token_counts;

// Nothing has come. window 0: no window.
rk_status rk__token_counts_init(rk__token_counts *counts, size_t n_vocab, size_t window,
                                rk_error *err);
void rk__token_counts_fini(rk__token_counts *counts);

// All counts are multiplied by decay, then the token's rises by 1, or stays if it is exempt.
rk_status rk__token_counts_add(rk__token_counts *counts, uint32_t token, bool exempt, double decay,
                               rk_error *err);

void rk__token_counts_clear(rk__token_counts *counts);

// Sets what is known of a token that has not come yet, for import.
rk_status rk__token_counts_restore(rk__token_counts *counts, rk__token_count entry, rk_error *err);

// The i-th of the n_seen tokens in the window, the oldest first.
rk__seen_token rk__token_counts_seen(const rk__token_counts *counts, size_t i);

// Appends to a ring that is not full, for import: no counting.
void rk__token_counts_restore_seen(rk__token_counts *counts, rk__seen_token seen);

#endif
