// Steps through a list of passages.
#include "eval/passage_walk.h"

// Small enough that short texts can be shared out, large enough that its last step, which may be a
// short one, does not count.
enum { GROUP_TOKENS = 1024 };

size_t rk_passages_scores(const rk_passage *passages, size_t n_passages) {
    size_t n = 0;
    for (size_t i = 0; i < n_passages; i++) n += passages[i].n_tokens - passages[i].first_scored;
    return n;
}

size_t rk_passages_group_end(const rk_passage *passages, size_t n_passages, size_t first) {
    size_t end = first, n_tokens = 0;
    while (end < n_passages && n_tokens < GROUP_TOKENS) n_tokens += passages[end++].n_tokens;
    return end;
}

size_t rk__sequence_rows(const rk_sequence *sequence) {
    return sequence->wanted == RK_LOGITS_ALL ? sequence->n_tokens - sequence->n_unwanted : 0;
}

// Tokens of a passage that are fed: up to the one before the last that is scored.
static size_t fed_tokens(const rk_passage *passage) {
    return passage->first_scored < passage->n_tokens ? passage->n_tokens - 1 : 0;
}

// As many tokens of the current passage from `offset` on as the step has room for.
static size_t count_tokens(const rk__passage_walk *walk, size_t n_fed, size_t *n_unwanted) {
    const size_t left = n_fed - walk->offset, room = walk->max_tokens - walk->n_tokens;
    size_t count = left < room ? left : room;
    // The row of token t predicts token t + 1.
    const size_t first_row = walk->passages[walk->current].first_scored - 1;
    *n_unwanted = first_row > walk->offset ? first_row - walk->offset : 0;
    if (*n_unwanted > count) *n_unwanted = count;
    const size_t rows_left = walk->max_rows - walk->n_rows;
    if (count - *n_unwanted > rows_left) count = *n_unwanted + rows_left;
    return count;
}

// Takes tokens of the current passage into the step; false when there is no room for any.
static bool take_tokens(rk__passage_walk *walk, size_t n_fed) {
    size_t n_unwanted;
    const size_t count = count_tokens(walk, n_fed, &n_unwanted);
    if (count == 0) return false;
    walk->begins[walk->n_sequences] = walk->offset == 0;
    walk->sequences[walk->n_sequences++] = (rk_sequence){
        .index = walk->slot,
        .tokens = walk->passages[walk->current].tokens + walk->offset,
        .n_tokens = count,
        .wanted = n_unwanted < count ? RK_LOGITS_ALL : RK_LOGITS_NONE,
        .n_unwanted = n_unwanted,
    };
    for (size_t i = n_unwanted; i < count; i++) {
        walk->places[walk->n_rows++] = (rk__row_place){walk->current, walk->offset + i};
    }
    walk->n_tokens += count;
    walk->offset += count;
    return true;
}

bool rk__passage_walk_next(rk__passage_walk *walk) {
    walk->n_sequences = walk->n_rows = walk->n_tokens = 0;
    while (walk->current < walk->end) {
        const size_t n_fed = fed_tokens(&walk->passages[walk->current]);
        if (walk->offset < n_fed) {
            if (walk->n_sequences == walk->n_slots || !take_tokens(walk, n_fed)) break;
            if (walk->offset < n_fed) break; // the step is full
            walk->slot = (walk->slot + 1) % walk->n_slots;
        }
        walk->current++;
        walk->offset = 0;
    }
    return walk->n_sequences > 0;
}
