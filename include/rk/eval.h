// Measuring models: how probable they find the tokens of texts, alone or beside a base.
//
//     rk_scorer *scorer = NULL;
//     const rk_passage passage = {.tokens = tokens, .n_tokens = n, .first_scored = 1};
//     rk_token_score *scores = malloc((n - 1) * sizeof *scores);
//     if (rk_scorer_new(&scorer, context, NULL, &err) != RK_OK ||
//         rk_scorer_run(scorer, &passage, 1, 0, NULL, scores, &err) != RK_OK ||
//         rk_summarize_losses(&loss, scores, n - 1, NULL, &err) != RK_OK) ...
//
// Everything is computed token by token first, into an array in the order of the tokens, and then
// summed up in that order: so it does not matter how the work was shared out.
#ifndef RK_EVAL_H
#define RK_EVAL_H

#include "rk/logits_file.h"
#include "rk/model.h"
#include "rk/passage.h"
#include "rk/statistics.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// ---- scoring

// What was predicted in a token's place.
typedef struct rk_token_score {
    double loss;        // -log p of the token, in nats
    uint32_t best;      // the first of the most probable tokens
    uint32_t base_best; // the same for the base, where there is one
    double base_loss;
    double divergence; // KL(base || model) in nats: 0 for equal predictions
} rk_token_score;

typedef struct rk_scorer rk_scorer;

// Zeros are fine everywhere. All pointers are borrowed for the scorer's life.
typedef struct rk_scorer_options {
    rk_pool *pool; // for the work on logits; the contexts compute with theirs
    // Passages that may be under way together, each with a state in memory; 0: up to 32, as many as
    // 256 MiB of states hold.
    size_t n_sequences;
    // What the model is compared with: another context, or a file of logits that was written of the
    // same passages. At most one of them.
    rk_context *base;
    rk_logits_reader *saved_base;
    rk_logits_writer *writer; // gets the model's logits for every score
    // Of the groups of passages (rk_passages_group_end), counted from 0, only every n_parts-th is
    // scored, from number `part` on; 0, 0: all. The scores of a group are the same, to the last
    // bit, whoever computes them.
    size_t part, n_parts;
} rk_scorer_options;

// Allocates states and room for logits. A writer wants all parts (ERR_ARGUMENT). Base and model
// must have vocabularies of one size (ERR_MISMATCH); whether they mean the same is the caller's
// business. options NULL: defaults. *out is owned by the caller, NULL on failure. A scorer is for
// one thread at a time; its contexts may not be used while it runs. Freeing accepts NULL and makes
// *scorer NULL.
rk_status rk_scorer_new(rk_scorer **out, rk_context *context, const rk_scorer_options *options,
                        rk_error *err);
void rk_scorer_free(rk_scorer **scorer);

// Scores passages: scores[rk_passages_scores(...)], in the order of the tokens; those of other
// parts stay as they are. Short passages are computed together. `first_row` is the number of the
// first score in saved_base's file. progress may be NULL; it counts tokens. Refused: a token
// outside of the vocabulary (ERR_RANGE), naming its passage and place; a first_scored out of range
// (ERR_ARGUMENT). A logit that is NaN or infinite ends it with ERR_RANGE, naming the place and the
// first layer whose output is not finite.
rk_status rk_scorer_run(rk_scorer *scorer, const rk_passage *passages, size_t n_passages,
                        uint64_t first_row, const rk_progress *progress, rk_token_score *scores,
                        rk_error *err);

// ---- one text

typedef struct rk_loss {
    uint64_t n_tokens;       // tokens scored
    double mean;             // nats per token
    double standard_error;   // of the mean, as in rk_estimate
    double perplexity;       // exp(mean)
    double perplexity_error; // perplexity * standard_error
    double bootstrap_error;  // of the mean; 0 without bootstrap
    double perplexity_bootstrap_error;
} rk_loss;

// The loss of tokens[1 .. n) given all before them, as one stream from the empty state: tokens[0]
// is not scored. Needs at least two tokens (ERR_ARGUMENT), all of them in the vocabulary
// (ERR_RANGE). A logit that is NaN or infinite ends it as it does rk_scorer_run. progress may be
// NULL; it counts tokens. Sequence 0 of `state` is cleared first and holds the end of the text
// afterwards. *loss is set on success.
rk_status rk_eval_stream(rk_context *context, rk_state *state, const uint32_t *tokens,
                         size_t n_tokens, const rk_progress *progress, rk_loss *loss,
                         rk_error *err);

// -log softmax(logits)[target], in double precision; target < n_vocab. NaN when a logit is NaN or
// +infinity.
double rk_token_loss(const float *logits, size_t n_vocab, uint32_t target);

// ---- summing up

// bootstrap NULL: none. n > 0 (ERR_ARGUMENT).
rk_status rk_summarize_losses(rk_loss *out, const rk_token_score *scores, size_t n,
                              const rk_bootstrap *bootstrap, rk_error *err);

// Which percentiles of the divergence are given: the median, 90, 95, 99 and 99.9 %, as shares.
enum { RK_DIVERGENCE_PERCENTILES = 5 };
double rk_divergence_share(size_t index);

// How a model predicts what another one, its base, predicts too.
typedef struct rk_comparison {
    rk_loss loss, base_loss;
    // Paired, token by token, and so far more exact than the difference of the two:
    rk_estimate loss_change;       // of the loss
    rk_estimate perplexity_change; // of the perplexity; the errors by linearization
    rk_estimate divergence;        // KL(base || model)
    double percentiles[RK_DIVERGENCE_PERCENTILES], largest; // of the divergence
    rk_estimate agreement;          // share of tokens where both find the same token most probable
    rk_estimate probability_change; // p(token) - base's p(token)
    rk_estimate probability_square; // the square of that: its root is the RMS change
    double probability_rms, probability_rms_error;
} rk_comparison;

// Sums up scores beside a base. bootstrap NULL: none. n > 0 (ERR_ARGUMENT).
rk_status rk_summarize_comparison(rk_comparison *out, const rk_token_score *scores, size_t n,
                                  const rk_bootstrap *bootstrap, rk_error *err);

// The scores whose tokens are numbers [first, end) of their passages: the first bin ends at 512,
// every other one at twice the end of that before it.
typedef struct rk_position_bin {
    size_t first, end;
    uint64_t n_tokens;
    rk_estimate loss, divergence; // plain errors
} rk_position_bin;

enum { RK_MAX_POSITION_BINS = 56 };

// Fills bins from the first to the last one that has scores, empty ones included; returns their
// number. `scores` are those of the passages.
size_t rk_summarize_positions(rk_position_bin bins[RK_MAX_POSITION_BINS],
                              const rk_passage *passages, size_t n_passages,
                              const rk_token_score *scores);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
