// What the files of a scorer share.
#ifndef RK_EVAL_SCORER_INTERNAL_H
#define RK_EVAL_SCORER_INTERNAL_H

#include "base/error_internal.h"
#include "eval/logits_row.h"
#include "eval/passage_walk.h"
#include "rk/eval.h"

struct rk_scorer {
    rk_context *context;
    rk_scorer_options options;
    size_t n_vocab, max_rows;
    rk_state *state, *base_state; // owned, unless the state was lent
    bool state_is_lent;
    float *logits;           // [max_rows][n_vocab]
    float *base_logits;      // the same where there is a base, or NULL
    uint8_t *saved_rows;     // [max_rows] encoded rows that were read, or NULL
    uint8_t *encoded_rows;   // [max_rows] encoded rows to be written, or NULL
    rk_sequence *sequences;  // [n_sequences], of one step
    bool *begins;            // [n_sequences]
    rk__row_place *places;   // [max_rows]
    uint32_t *targets;       // [max_rows], the tokens that came
    unsigned char *failures; // [max_rows], rk__row_failure
};

typedef enum rk__row_failure {
    RK__ROW_FINE,
    RK__ROW_NOT_FINITE,
    RK__ROW_BASE_NOT_FINITE,
    RK__ROW_DAMAGED, // of a file of logits
} rk__row_failure;

// The same as rk_scorer_new, with a state of the caller's.
rk_status rk__scorer_new_on(rk_scorer **out, rk_context *context, rk_state *state,
                            const rk_scorer_options *options, rk_error *err);

// Scores the rows of a step, on all threads: scores[n_rows]; failures[] says which could not be.
void rk__score_rows(rk_scorer *scorer, size_t n_rows, rk_token_score *scores);

#endif
