// Counts of tokens: a list of those that came, found through a table by token.
#include "text/token_counts.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

rk_status rk__token_counts_init(rk__token_counts *counts, size_t n_vocab, size_t window,
                                rk_error *err) {
    *counts = (rk__token_counts){.n_vocab = n_vocab, .window = window};
    rk_status status = rk__alloc((void **)&counts->slots, n_vocab, sizeof counts->slots[0], err);
    if (status == RK_OK) {
        status = rk__alloc((void **)&counts->seen, window, sizeof counts->seen[0], err);
    }
    if (status != RK_OK) rk__token_counts_fini(counts);
    return status;
}

void rk__token_counts_fini(rk__token_counts *counts) {
    rk__free(counts->entries);
    rk__free(counts->slots);
    rk__free(counts->seen);
    *counts = (rk__token_counts){0};
}

// The token's entry, made where there is none.
static rk_status find_entry(rk__token_counts *counts, uint32_t token, rk__token_count **entry,
                            rk_error *err) {
    if (counts->slots[token] == 0) {
        void *entries = counts->entries;
        RK_TRY(rk__grow(&entries, &counts->capacity, counts->n_entries + 1,
                        sizeof counts->entries[0], err));
        counts->entries = entries;
        counts->entries[counts->n_entries++] = (rk__token_count){.token = token};
        counts->slots[token] = (uint32_t)counts->n_entries;
    }
    *entry = &counts->entries[counts->slots[token] - 1];
    return RK_OK;
}

// Takes the entry out by putting the last one in its place.
static void drop_entry(rk__token_counts *counts, rk__token_count *entry) {
    const uint32_t slot = counts->slots[entry->token];
    counts->slots[entry->token] = 0;
    *entry = counts->entries[--counts->n_entries];
    if (entry != &counts->entries[counts->n_entries]) counts->slots[entry->token] = slot;
}

// The oldest token leaves a window that is full, with what is left of its 1 after `window` steps.
static void forget_oldest(rk__token_counts *counts, double decay) {
    const rk__seen_token oldest = counts->seen[counts->next];
    rk__token_count *entry = &counts->entries[counts->slots[oldest.token] - 1];
    assert(counts->slots[oldest.token] != 0);
    // An entry without times goes altogether, so errors of rounding cannot add up for ever.
    if (oldest.counted) {
        entry->count = fmax(0, entry->count - pow(decay, (double)counts->window));
    }
    if (--entry->times == 0) drop_entry(counts, entry);
}

static void remember(rk__token_counts *counts, rk__seen_token seen) {
    counts->seen[counts->next] = seen;
    counts->next = (counts->next + 1) % counts->window;
    if (counts->n_seen < counts->window) counts->n_seen++;
}

rk_status rk__token_counts_add(rk__token_counts *counts, uint32_t token, bool exempt, double decay,
                               rk_error *err) {
    rk__token_count *entry;
    RK_TRY(find_entry(counts, token, &entry, err));
    for (size_t i = 0; i < counts->n_entries && decay != 1; i++) counts->entries[i].count *= decay;
    if (entry->times < UINT32_MAX) entry->times++;
    if (!exempt) entry->count += 1;
    if (counts->window == 0) return RK_OK;
    if (counts->n_seen == counts->window) forget_oldest(counts, decay);
    remember(counts, (rk__seen_token){.token = token, .counted = !exempt});
    return RK_OK;
}

void rk__token_counts_clear(rk__token_counts *counts) {
    for (size_t i = 0; i < counts->n_entries; i++) counts->slots[counts->entries[i].token] = 0;
    counts->n_entries = counts->n_seen = counts->next = 0;
}

rk_status rk__token_counts_restore(rk__token_counts *counts, rk__token_count entry, rk_error *err) {
    rk__token_count *place;
    RK_TRY(find_entry(counts, entry.token, &place, err));
    *place = entry;
    return RK_OK;
}

rk__seen_token rk__token_counts_seen(const rk__token_counts *counts, size_t i) {
    assert(i < counts->n_seen);
    const size_t first = (counts->next + counts->window - counts->n_seen) % counts->window;
    return counts->seen[(first + i) % counts->window];
}

void rk__token_counts_restore_seen(rk__token_counts *counts, rk__seen_token seen) {
    assert(counts->n_seen < counts->window);
    remember(counts, seen);
}
