// The way through a list of passages in steps, each of which is one call of rk_eval_batch: the end
// of one passage, some short ones, and the beginning of another.
#ifndef RK_EVAL_PASSAGE_WALK_H
#define RK_EVAL_PASSAGE_WALK_H

#include "rk/model.h"
#include "rk/passage.h"

// Where a row of logits was computed: after this token of this passage.
typedef struct rk__row_place {
    size_t passage, token;
} rk__row_place;

typedef struct rk__passage_walk {
    const rk_passage *passages;  // [n_passages], borrowed
    size_t n_passages, end;      // those from `current` to `end` are walked through
    size_t n_slots;              // sequences of the state, which passages take in turns
    size_t max_tokens, max_rows; // of a step
    size_t current, offset;      // where the next step begins
    size_t slot;                 // of the current passage

    // The step. Every token that is scored has a row, in the order of the tokens.
    rk_sequence *sequences; // [n_slots], borrowed; without logits
    bool *begins;           // [n_slots], borrowed: is it the beginning of a passage?
    rk__row_place *places;  // [max_rows], borrowed
    size_t n_sequences, n_rows, n_tokens;
} rk__passage_walk;

// Puts the next step together. False when nothing is left. The last token of a passage is never
// part of a step: nothing is predicted behind it.
bool rk__passage_walk_next(rk__passage_walk *walk);

// Rows that a sequence of a step has.
size_t rk__sequence_rows(const rk_sequence *sequence);

#endif
