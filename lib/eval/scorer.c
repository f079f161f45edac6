// Running passages through a model, and through its base beside it, a step at a time.
#include "eval/scorer_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "eval/not_finite.h"

enum {
    MAX_STEP_TOKENS = 512,
    MAX_STEP_ROWS = 256,
    MAX_LOGITS_BYTES = 32 << 20, // of a step; one row is always computed
    MAX_STATE_BYTES = 256 << 20, // of all sequences; one is always there
    MAX_SEQUENCES = 32,
};

// ---- life

static size_t choose_rows(size_t n_vocab) {
    const size_t n = MAX_LOGITS_BYTES / sizeof(float) / n_vocab;
    return n < 1 ? 1 : n > MAX_STEP_ROWS ? MAX_STEP_ROWS : n;
}

static size_t choose_sequences(const rk_model_info *info) {
    const size_t n = MAX_STATE_BYTES / sizeof(float) / info->state_floats;
    return n < 1 ? 1 : n > MAX_SEQUENCES ? MAX_SEQUENCES : n;
}

// The vocabulary of the base must be as large as the model's, whatever it is made of.
static rk_status check_vocabulary(const rk_model_info *info, const char *other, size_t n_vocab,
                                  rk_error *err) {
    if (info->dims.n_vocab == n_vocab) return RK_OK;
    return rk__fail(err, RK_ERR_MISMATCH,
                    "%s has a vocabulary of %zu tokens, %s one of %zu: they cannot be compared",
                    info->path, info->dims.n_vocab, other, n_vocab);
}

static rk_status check_options(const rk_scorer *s, rk_error *err) {
    const rk_model_info *info = rk_model_describe(rk_context_model(s->context));
    const rk_scorer_options *o = &s->options;
    if (o->part >= o->n_parts || (o->writer != NULL && o->n_parts > 1)) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: part %zu of %zu of the scores%s", info->path,
                        o->part, o->n_parts, o->writer != NULL ? ", to be written in order" : "");
    }
    if (o->base != NULL && o->saved_base != NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: two bases, a model and a file of logits",
                        info->path);
    }
    if (o->base != NULL) {
        const rk_model_info *base = rk_model_describe(rk_context_model(o->base));
        RK_TRY(check_vocabulary(info, base->path, base->dims.n_vocab, err));
    }
    if (o->saved_base != NULL) {
        const rk_logits_info *saved = rk_logits_reader_describe(o->saved_base);
        RK_TRY(check_vocabulary(info, saved->source, (size_t)saved->n_vocab, err));
    }
    if (o->writer == NULL) return RK_OK;
    return check_vocabulary(info, "the file of logits", rk__logits_writer_vocabulary(o->writer),
                            err);
}

static rk_status alloc_rows(rk_scorer *s, rk_error *err) {
    const size_t n = s->max_rows, row_bytes = rk__logits_row_bytes(s->n_vocab);
    const bool compares = s->options.base != NULL || s->options.saved_base != NULL;
    RK_TRY(rk__alloc_aligned((void **)&s->logits, n * s->n_vocab, sizeof(float), err));
    if (compares) {
        RK_TRY(rk__alloc_aligned((void **)&s->base_logits, n * s->n_vocab, sizeof(float), err));
    }
    if (s->options.saved_base != NULL) {
        RK_TRY(rk__alloc_aligned((void **)&s->saved_rows, n, row_bytes, err));
    }
    if (s->options.writer != NULL) {
        RK_TRY(rk__alloc_aligned((void **)&s->encoded_rows, n, row_bytes, err));
    }
    RK_TRY(rk__alloc((void **)&s->places, n, sizeof *s->places, err));
    RK_TRY(rk__alloc((void **)&s->targets, n, sizeof *s->targets, err));
    return rk__alloc((void **)&s->failures, n, sizeof *s->failures, err);
}

static rk_status alloc_states(rk_scorer *s, rk_error *err) {
    const size_t n = s->options.n_sequences;
    RK_TRY(rk__alloc((void **)&s->sequences, n, sizeof *s->sequences, err));
    RK_TRY(rk__alloc((void **)&s->begins, n, sizeof *s->begins, err));
    if (!s->state_is_lent) {
        RK_TRY(rk_state_new(&s->state, rk_context_model(s->context), n, err));
    }
    if (s->options.base == NULL) return RK_OK;
    return rk_state_new(&s->base_state, rk_context_model(s->options.base), n, err);
}

rk_status rk__scorer_new_on(rk_scorer **out, rk_context *context, rk_state *state,
                            const rk_scorer_options *options, rk_error *err) {
    rk_scorer *s = NULL;
    rk_status status = rk__alloc((void **)&s, 1, sizeof *s, err);
    if (status != RK_OK) goto out;
    const rk_model_info *info = rk_model_describe(rk_context_model(context));
    s->context = context;
    if (options != NULL) s->options = *options;
    if (s->options.n_parts == 0) s->options.n_parts = 1;
    s->state = state;
    s->state_is_lent = state != NULL;
    s->n_vocab = info->dims.n_vocab;
    s->max_rows = choose_rows(s->n_vocab);
    if (state != NULL) {
        s->options.n_sequences = rk_state_sequences(state);
    } else if (s->options.n_sequences == 0) {
        s->options.n_sequences = choose_sequences(info);
    }
    status = check_options(s, err);
    if (status == RK_OK) status = alloc_rows(s, err);
    if (status == RK_OK) status = alloc_states(s, err);
out:
    if (status != RK_OK) rk_scorer_free(&s);
    *out = s;
    return status;
}

rk_status rk_scorer_new(rk_scorer **out, rk_context *context, const rk_scorer_options *options,
                        rk_error *err) {
    return rk__scorer_new_on(out, context, NULL, options, err);
}

void rk_scorer_free(rk_scorer **scorer) {
    rk_scorer *s = *scorer;
    *scorer = NULL;
    if (s == NULL) return;
    if (!s->state_is_lent) rk_state_free(&s->state);
    rk_state_free(&s->base_state);
    rk__free(s->logits);
    rk__free(s->base_logits);
    rk__free(s->saved_rows);
    rk__free(s->encoded_rows);
    rk__free(s->sequences);
    rk__free(s->begins);
    rk__free(s->places);
    rk__free(s->targets);
    rk__free(s->failures);
    rk__free(s);
}

// ---- checks

// Where a token is, in words: "of the text" when there is but one passage.
static const char *place_text(char text[64], size_t n_passages, size_t passage) {
    if (n_passages == 1) return "the text";
    (void)snprintf(text, 64, "passage %zu", passage);
    return text;
}

static rk_status check_passage(const rk_scorer *s, const rk_passage *passages, size_t n_passages,
                               size_t index, rk_error *err) {
    const rk_passage *p = &passages[index];
    char place[64];
    if (p->first_scored < 1 || p->first_scored > p->n_tokens) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: %zu tokens, scored from number %zu on",
                        place_text(place, n_passages, index), p->n_tokens, p->first_scored);
    }
    for (size_t i = 0; i < p->n_tokens; i++) {
        if (p->tokens[i] < s->n_vocab) continue;
        return rk__fail(err, RK_ERR_RANGE, "token %zu of %s is %u; the vocabulary of %s has %zu", i,
                        place_text(place, n_passages, index), (unsigned)p->tokens[i],
                        rk_model_describe(rk_context_model(s->context))->path, s->n_vocab);
    }
    return RK_OK;
}

// The first logit of a row that is not finite, and the layer where that began.
static rk_status fail_row(const rk_scorer *s, const rk__passage_walk *walk, size_t row,
                          bool of_base, rk_error *err) {
    const rk__row_place at = walk->places[row];
    const float *logits = (of_base ? s->base_logits : s->logits) + row * s->n_vocab;
    rk_context *context = of_base ? s->options.base : s->context;
    rk_state *state = of_base ? s->base_state : s->state;
    const size_t bad = rk__find_not_finite(logits, s->n_vocab);
    const bool is_nan = isnan(logits[bad]);
    char place[64], layer[RK__NOT_FINITE_TEXT];
    rk__find_not_finite_layer(context, state, 0, walk->passages[at.passage].tokens, at.token + 1,
                              layer);
    return rk__fail(err, RK_ERR_RANGE, "%s: after token %zu of %s the logit of token %zu is %s%s%s",
                    rk_model_describe(rk_context_model(context))->path, at.token,
                    place_text(place, walk->n_passages, at.passage), bad,
                    is_nan ? "NaN" : "infinite", layer[0] != '\0' ? "; it begins with " : "",
                    layer);
}

static rk_status check_rows(const rk_scorer *s, const rk__passage_walk *walk, uint64_t first_row,
                            rk_error *err) {
    for (size_t i = 0; i < walk->n_rows; i++) {
        switch ((rk__row_failure)s->failures[i]) {
        case RK__ROW_FINE:
            break;
        case RK__ROW_NOT_FINITE:
            return fail_row(s, walk, i, false, err);
        case RK__ROW_BASE_NOT_FINITE:
            return fail_row(s, walk, i, true, err);
        case RK__ROW_DAMAGED:
            return rk__logits_reader_damage(s->options.saved_base, first_row + i, err);
        }
    }
    return RK_OK;
}

// ---- steps

static rk_status clear_states(const rk_scorer *s, const rk__passage_walk *walk, rk_error *err) {
    for (size_t i = 0; i < walk->n_sequences; i++) {
        if (!walk->begins[i]) continue;
        RK_TRY(rk_state_clear(s->state, walk->sequences[i].index, err));
        if (s->base_state == NULL) continue;
        RK_TRY(rk_state_clear(s->base_state, walk->sequences[i].index, err));
    }
    return RK_OK;
}

static rk_status compute(const rk__passage_walk *walk, rk_context *context, rk_state *state,
                         float *logits, size_t n_vocab, rk_error *err) {
    size_t row = 0;
    for (size_t i = 0; i < walk->n_sequences; i++) {
        walk->sequences[i].logits = logits + row * n_vocab;
        row += rk__sequence_rows(&walk->sequences[i]);
    }
    return rk_eval_batch(context, state, walk->sequences, walk->n_sequences, err);
}

static rk_status run_step(rk_scorer *s, const rk__passage_walk *walk, uint64_t first_row,
                          rk_token_score *scores, rk_error *err) {
    const rk_scorer_options *o = &s->options;
    for (size_t i = 0; i < walk->n_rows; i++) {
        const rk__row_place at = walk->places[i];
        s->targets[i] = walk->passages[at.passage].tokens[at.token + 1];
    }
    RK_TRY(clear_states(s, walk, err));
    if (o->base != NULL) {
        RK_TRY(compute(walk, o->base, s->base_state, s->base_logits, s->n_vocab, err));
    }
    RK_TRY(compute(walk, s->context, s->state, s->logits, s->n_vocab, err));
    if (s->saved_rows != NULL) {
        RK_TRY(rk__logits_reader_read(o->saved_base, first_row, walk->n_rows, s->saved_rows, err));
    }
    rk__score_rows(s, walk->n_rows, scores);
    RK_TRY(check_rows(s, walk, first_row, err));
    if (s->encoded_rows == NULL) return RK_OK;
    return rk__logits_writer_append(o->writer, s->encoded_rows, walk->n_rows, err);
}

static rk_status report(const rk_progress *progress, uint64_t done, uint64_t total, rk_error *err) {
    if (progress == NULL || progress->report == NULL) return RK_OK;
    if (progress->report(progress->user, done, total)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "cancelled after %" PRIu64 " of %" PRIu64 " tokens",
                    done, total);
}

// One job: what has been done of it.
typedef struct scoring {
    const rk_passage *passages; // [n_passages]
    size_t n_passages;
    uint64_t done, total; // tokens
    const rk_progress *progress;
} scoring;

// Passages [first, end), from a fresh step on. `row` is the number of their first score.
static rk_status run_group(rk_scorer *s, scoring *job, size_t first, size_t end, uint64_t row,
                           rk_token_score *scores, rk_error *err) {
    rk__passage_walk walk = {.passages = job->passages,
                             .n_passages = job->n_passages,
                             .end = end,
                             .current = first,
                             .n_slots = s->options.n_sequences,
                             .max_tokens = MAX_STEP_TOKENS,
                             .max_rows = s->max_rows,
                             .sequences = s->sequences,
                             .begins = s->begins,
                             .places = s->places};
    while (rk__passage_walk_next(&walk)) {
        RK_TRY(run_step(s, &walk, row, scores, err));
        row += walk.n_rows;
        scores += walk.n_rows;
        job->done += walk.n_tokens;
        RK_TRY(report(job->progress, job->done, job->total, err));
    }
    return RK_OK;
}

static uint64_t count_fed(const rk_passage *passages, size_t n) {
    uint64_t fed = 0;
    for (size_t i = 0; i < n; i++) {
        if (passages[i].first_scored < passages[i].n_tokens) fed += passages[i].n_tokens - 1;
    }
    return fed;
}

// Goes through all groups: adds up the tokens of those that are ours, or runs them.
static rk_status visit_groups(rk_scorer *s, scoring *job, bool runs, uint64_t first_row,
                              rk_token_score *scores, rk_error *err) {
    size_t row = 0, number = 0;
    for (size_t first = 0; first < job->n_passages; number++) {
        const rk_passage *group = job->passages + first;
        const size_t end = rk_passages_group_end(job->passages, job->n_passages, first);
        if (number % s->options.n_parts != s->options.part) {
            // somebody else's
        } else if (runs) {
            RK_TRY(run_group(s, job, first, end, first_row + row, scores + row, err));
        } else {
            job->total += count_fed(group, end - first);
        }
        row += rk_passages_scores(group, end - first);
        first = end;
    }
    return RK_OK;
}

rk_status rk_scorer_run(rk_scorer *scorer, const rk_passage *passages, size_t n_passages,
                        uint64_t first_row, const rk_progress *progress, rk_token_score *scores,
                        rk_error *err) {
    scoring job = {.passages = passages, .n_passages = n_passages, .progress = progress};
    for (size_t i = 0; i < n_passages; i++) {
        RK_TRY(check_passage(scorer, passages, n_passages, i, err));
    }
    RK_TRY(visit_groups(scorer, &job, false, first_row, scores, err));
    return visit_groups(scorer, &job, true, first_row, scores, err);
}
