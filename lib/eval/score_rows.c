// From rows of logits to scores, on all threads. A row depends on nothing but itself.
#include "eval/scorer_internal.h"

double rk_token_loss(const float *logits, size_t n_vocab, uint32_t target) {
    return rk__softmax_loss(rk__softmax_of(logits, n_vocab), logits[target]);
}

typedef struct rows_job {
    rk_scorer *scorer;
    size_t n_rows;
    rk_token_score *scores;
} rows_job;

// The base's row, computed or saved.
static rk__row_failure score_base(const rk_scorer *s, size_t row, rk__softmax *softmax,
                                  rk_token_score *score) {
    const size_t n = s->n_vocab;
    float *logits = s->base_logits + row * n;
    if (s->saved_rows != NULL) {
        const uint8_t *bytes = s->saved_rows + row * rk__logits_row_bytes(n);
        const float *codes = rk__logits_reader_codes(s->options.saved_base);
        if (!rk__logits_row_decode(bytes, n, codes, logits, &score->base_loss, &score->base_best)) {
            return RK__ROW_DAMAGED;
        }
        *softmax = rk__softmax_of(logits, n);
        return RK__ROW_FINE;
    }
    if (rk__find_not_finite(logits, n) < n) return RK__ROW_BASE_NOT_FINITE;
    *softmax = rk__softmax_of(logits, n);
    score->base_loss = rk__softmax_loss(*softmax, logits[s->targets[row]]);
    score->base_best = (uint32_t)softmax->best;
    return RK__ROW_FINE;
}

static rk__row_failure score_row(const rk_scorer *s, size_t row, rk_token_score *score) {
    const size_t n = s->n_vocab;
    const float *logits = s->logits + row * n;
    *score = (rk_token_score){0};
    if (rk__find_not_finite(logits, n) < n) return RK__ROW_NOT_FINITE;
    const rk__softmax softmax = rk__softmax_of(logits, n);
    score->loss = rk__softmax_loss(softmax, logits[s->targets[row]]);
    score->best = (uint32_t)softmax.best;
    if (s->encoded_rows != NULL) {
        rk__logits_row_encode(s->encoded_rows + row * rk__logits_row_bytes(n), logits, n, softmax,
                              score->loss);
    }
    if (s->base_logits == NULL) return RK__ROW_FINE;
    rk__softmax base;
    const rk__row_failure failure = score_base(s, row, &base, score);
    if (failure != RK__ROW_FINE) return failure;
    score->divergence = rk__softmax_divergence(s->base_logits + row * n, base, logits, softmax, n);
    return RK__ROW_FINE;
}

// Threads take every n-th row: all rows cost the same.
static void run_rows(void *argument, size_t thread, size_t n_threads) {
    const rows_job *job = argument;
    for (size_t i = thread; i < job->n_rows; i += n_threads) {
        job->scorer->failures[i] = (unsigned char)score_row(job->scorer, i, &job->scores[i]);
    }
}

void rk__score_rows(rk_scorer *scorer, size_t n_rows, rk_token_score *scores) {
    rows_job job = {scorer, n_rows, scores};
    rk_pool_run(scorer->options.pool, run_rows, &job);
}
