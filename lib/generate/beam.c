// Beam search: several texts grow side by side; after each token the best of all their
// continuations stay. Two states take turns, since a text may be continued more than once.
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "generate/chances.h"
#include "generate/stop_strings.h"
#include "rk/generate.h"

// A text that is still growing.
typedef struct path {
    uint32_t *tokens; // [n_tokens] of [max_tokens]
    size_t n_tokens;
    double log_p;
} path;

// A path and the token it may go on with.
typedef struct step {
    size_t from;
    uint32_t token;
    double log_p;
} step;

typedef struct search {
    rk_context *context;
    const rk_tokenizer *tokenizer;
    const rk_beam_options *beams;
    const rk_generate_options *options;
    size_t n_vocab, width; // width: beams->n_beams
    rk_state *states[2];   // [width] sequences; the paths' states are in states[current]
    size_t current;
    float *logits;        // [width][n_vocab]
    rk_token_chance *top; // [2 * width], of one path
    path *paths, *next;   // [width]
    size_t n_paths;
    step *steps; // [n_steps] of [2 * width], the best first
    size_t n_steps;
    rk_sequence *sequences; // [width]
    rk_beam *found;         // [n_found] of [width + 1], the best first
    size_t n_found;
} search;

// ---- life

static rk_status alloc_paths(search *s, path **paths, rk_error *err) {
    RK_TRY(rk__alloc((void **)paths, s->width, sizeof **paths, err));
    for (size_t i = 0; i < s->width; i++) {
        RK_TRY(
            rk__alloc((void **)&(*paths)[i].tokens, s->options->max_tokens, sizeof(uint32_t), err));
    }
    return RK_OK;
}

static rk_status search_init(search *s, rk_error *err) {
    const size_t n = s->width;
    size_t n_logits;
    if (!rk_size_mul(&n_logits, n, s->n_vocab)) return rk__fail_memory(err, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        RK_TRY(rk_state_new(&s->states[i], rk_context_model(s->context), n, err));
    }
    RK_TRY(rk__alloc_aligned((void **)&s->logits, n_logits, sizeof s->logits[0], err));
    RK_TRY(rk__alloc((void **)&s->top, 2 * n, sizeof s->top[0], err));
    RK_TRY(rk__alloc((void **)&s->steps, 2 * n, sizeof s->steps[0], err));
    RK_TRY(rk__alloc((void **)&s->sequences, n, sizeof s->sequences[0], err));
    RK_TRY(rk__alloc((void **)&s->found, n + 1, sizeof s->found[0], err));
    RK_TRY(alloc_paths(s, &s->paths, err));
    return alloc_paths(s, &s->next, err);
}

static void free_paths(path *paths, size_t n) {
    for (size_t i = 0; paths && i < n; i++) rk__free(paths[i].tokens);
    rk__free(paths);
}

static void search_fini(search *s) {
    for (size_t i = 0; i < 2; i++) rk_state_free(&s->states[i]);
    free_paths(s->paths, s->width);
    free_paths(s->next, s->width);
    rk__free(s->logits);
    rk__free(s->top);
    rk__free(s->steps);
    rk__free(s->sequences);
    rk_beams_free(&s->found, s->n_found);
}

void rk_beams_free(rk_beam **beams, size_t n_beams) {
    for (size_t i = 0; *beams && i < n_beams; i++) rk__free((*beams)[i].text);
    rk__free(*beams);
    *beams = NULL;
}

// ---- texts that have ended

// The path's text with one more token, which may be none (UINT32_MAX). To be freed.
static rk_status text_of(const search *s, const path *p, uint32_t token, char **text,
                         size_t *length, rk_error *err) {
    size_t total = 0, n;
    for (size_t i = 0; i < p->n_tokens; i++) {
        rk_tokenizer_decode(s->tokenizer, p->tokens[i], &n);
        total += n;
    }
    const char *last = rk_tokenizer_decode(s->tokenizer, token, &n);
    RK_TRY(rk__alloc((void **)text, total + n + 1, 1, err));
    *length = total + n;
    memcpy(*text + total, last, n);
    size_t at = 0;
    for (size_t i = 0; i < p->n_tokens; i++) {
        const char *bytes = rk_tokenizer_decode(s->tokenizer, p->tokens[i], &n);
        memcpy(*text + at, bytes, n);
        at += n;
    }
    return RK_OK;
}

static double score_of(const search *s, double log_p, size_t n_tokens) {
    return log_p / pow((double)n_tokens, s->beams->length_penalty);
}

// Takes the text. Keeps the best `width` that were found.
static void add_found(search *s, char *text, size_t length, double log_p, size_t n_tokens,
                      bool ended) {
    const rk_beam beam = {.text = text,
                          .length = length,
                          .n_tokens = n_tokens,
                          .log_p = log_p,
                          .score = score_of(s, log_p, n_tokens),
                          .ended = ended};
    text[length] = '\0';
    size_t at = s->n_found++;
    for (; at > 0 && s->found[at - 1].score < beam.score; at--) s->found[at] = s->found[at - 1];
    s->found[at] = beam;
    if (s->n_found > s->width) rk__free(s->found[--s->n_found].text);
}

static bool is_stop_token(const rk_generate_options *o, uint32_t token) {
    for (size_t i = 0; i < o->n_stop_tokens; i++) {
        if (o->stop_tokens[i] == token) return true;
    }
    return token == 0 && !o->ignore_end_of_text;
}

// Adds the step's text to those found if the step ends it.
static rk_status try_end(search *s, const step *t, bool *ended, rk_error *err) {
    const path *p = &s->paths[t->from];
    const rk_generate_options *o = s->options;
    char *text;
    size_t length, n_last, stop;
    const bool is_stop = is_stop_token(o, t->token);
    RK_TRY(text_of(s, p, is_stop ? UINT32_MAX : t->token, &text, &length, err));
    rk_tokenizer_decode(s->tokenizer, is_stop ? UINT32_MAX : t->token, &n_last);
    *ended = is_stop ||
             rk__find_stop(text, length, length - n_last, o->stops, o->n_stops, &stop, &length);
    if (*ended) {
        add_found(s, text, length, t->log_p, p->n_tokens + 1, true);
    } else {
        rk__free(text);
    }
    return RK_OK;
}

// ---- growing

static bool has_no_text(const search *s, uint32_t token) {
    size_t length;
    rk_tokenizer_decode(s->tokenizer, token, &length);
    return length == 0 && token != 0;
}

static void add_step(search *s, step t) {
    const size_t most = 2 * s->width;
    if (s->n_steps == most && t.log_p <= s->steps[most - 1].log_p) return;
    size_t at = s->n_steps < most ? s->n_steps++ : most - 1;
    for (; at > 0 && s->steps[at - 1].log_p < t.log_p; at--) s->steps[at] = s->steps[at - 1];
    s->steps[at] = t;
}

// The best continuations of all paths: twice as many as paths, since some may be ends.
static rk_status find_steps(search *s, rk_error *err) {
    const size_t n_top = 2 * s->width < s->n_vocab ? 2 * s->width : s->n_vocab;
    s->n_steps = 0;
    for (size_t i = 0; i < s->n_paths; i++) {
        const float *logits = s->logits + i * s->n_vocab;
        const double log_sum = rk__log_sum(logits, s->n_vocab);
        if (!isfinite(log_sum)) {
            return rk__fail(err, RK_ERR_RANGE, "the logits of beam %zu are not finite", i);
        }
        rk__most_probable(logits, s->n_vocab, log_sum, s->top, n_top);
        for (size_t k = 0; k < n_top; k++) {
            const uint32_t token = s->top[k].token;
            if (has_no_text(s, token)) continue;
            const double log_p = s->paths[i].log_p + ((double)logits[token] - log_sum);
            add_step(s, (step){.from = i, .token = token, .log_p = log_p});
        }
    }
    return RK_OK;
}

// Makes the path that a step leads to the next one, and puts its state where it will be.
static rk_status take_step(search *s, const step *t, size_t to, rk_error *err) {
    const path *from = &s->paths[t->from];
    path *p = &s->next[to];
    memcpy(p->tokens, from->tokens, from->n_tokens * sizeof from->tokens[0]);
    p->tokens[from->n_tokens] = t->token;
    p->n_tokens = from->n_tokens + 1;
    p->log_p = t->log_p;
    s->sequences[to] = (rk_sequence){.index = to,
                                     .tokens = &p->tokens[from->n_tokens],
                                     .n_tokens = 1,
                                     .wanted = RK_LOGITS_LAST,
                                     .logits = s->logits + to * s->n_vocab};
    return rk_state_copy(s->states[1 - s->current], to, s->states[s->current], t->from, err);
}

static rk_status grow(search *s, rk_error *err) {
    RK_TRY(find_steps(s, err));
    size_t n = 0;
    for (size_t i = 0; i < s->n_steps && n < s->width; i++) {
        bool ended;
        RK_TRY(try_end(s, &s->steps[i], &ended, err));
        if (!ended) RK_TRY(take_step(s, &s->steps[i], n++, err));
    }
    path *old = s->paths;
    s->paths = s->next;
    s->next = old;
    s->n_paths = n;
    s->current = 1 - s->current;
    return rk_eval_batch(s->context, s->states[s->current], s->sequences, n, err);
}

// Can a growing text still become better than the worst that would be returned? Its log p only
// falls; with a length penalty the most it can reach is bounded by the longest text.
static bool is_worth_it(const search *s) {
    if (s->n_paths == 0) return false;
    assert(s->paths != NULL);
    if (s->n_found < s->width) return true;
    double best = -INFINITY;
    for (size_t i = 0; i < s->n_paths; i++) best = fmax(best, s->paths[i].log_p);
    return score_of(s, best, s->options->max_tokens) > s->found[s->n_found - 1].score;
}

static rk_status report(const search *s, size_t n_tokens, rk_error *err) {
    const rk_progress *progress = &s->options->progress;
    const size_t most = s->options->max_tokens;
    if (!progress->report || progress->report(progress->user, n_tokens, most)) return RK_OK;
    return rk__fail(err, RK_ERR_CANCELLED, "cancelled after %zu of %zu tokens", n_tokens, most);
}

static rk_status run(search *s, rk_error *err) {
    for (size_t i = 0; i < s->options->max_tokens && is_worth_it(s); i++) {
        RK_TRY(grow(s, err));
        RK_TRY(report(s, i + 1, err));
    }
    assert(s->paths != NULL);
    const bool at_length = s->n_paths > 0 && s->paths[0].n_tokens == s->options->max_tokens;
    for (size_t i = 0; at_length && i < s->n_paths; i++) {
        char *text;
        size_t length;
        RK_TRY(text_of(s, &s->paths[i], UINT32_MAX, &text, &length, err));
        add_found(s, text, length, s->paths[i].log_p, s->paths[i].n_tokens, false);
    }
    return RK_OK;
}

// ---- beginning and end

static rk_status feed(search *s, rk_state *state, const char *text, size_t length, bool is_prompt,
                      rk_error *err) {
    enum { DEFAULT_SLICE = 256 };
    const rk_progress *progress = &s->options->progress;
    const size_t slice = s->options->slice > 0 ? s->options->slice : DEFAULT_SLICE;
    static const uint32_t end_of_document = 0;
    uint32_t *tokens;
    size_t n_tokens;
    RK_TRY(rk_tokenizer_encode(s->tokenizer, text, length, &tokens, &n_tokens, err));
    const uint32_t *first = tokens;
    if (is_prompt && n_tokens == 0) {
        first = &end_of_document;
        n_tokens = 1;
    }
    rk_status status = RK_OK;
    for (size_t fed = 0; status == RK_OK && fed < n_tokens;) {
        const size_t n = n_tokens - fed < slice ? n_tokens - fed : slice;
        const rk_logits wanted = is_prompt && fed + n == n_tokens ? RK_LOGITS_LAST : RK_LOGITS_NONE;
        status = rk_eval(s->context, state, first + fed, n, wanted, s->logits, err);
        fed += n;
        if (status == RK_OK && is_prompt && progress->report &&
            !progress->report(progress->user, fed, n_tokens)) {
            status = rk__fail(err, RK_ERR_CANCELLED,
                              "cancelled after %zu of %zu tokens of the prompt", fed, n_tokens);
        }
    }
    rk_tokens_free(&tokens);
    return status;
}

static rk_status check(const search *s, rk_error *err) {
    enum { MAX_BEAMS = 1024 };
    const rk_beam_options *b = s->beams;
    const rk_model_info *model = rk_model_describe(rk_context_model(s->context));
    if (s->n_vocab != model->dims.n_vocab) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "the tokenizer is for %zu tokens; the vocabulary of %s has %zu", s->n_vocab,
                        model->path, model->dims.n_vocab);
    }
    for (size_t i = 0; i < s->options->n_stops; i++) {
        if (s->options->stops[i].length > 0) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "stop string %zu is empty", i + 1);
    }
    if (b->n_beams >= 1 && b->n_beams <= MAX_BEAMS && b->length_penalty >= 0 &&
        isfinite(b->length_penalty) && s->options->max_tokens > 0) {
        return RK_OK;
    }
    return rk__fail(err, RK_ERR_ARGUMENT,
                    "beam search with %zu beams (1 .. %d), length penalty %g, %zu tokens",
                    b->n_beams, MAX_BEAMS, b->length_penalty, s->options->max_tokens);
}

rk_status rk_generate_beams(rk_context *context, rk_state *state, const rk_tokenizer *tokenizer,
                            const char *prompt, size_t prompt_length,
                            const rk_beam_options *search_options,
                            const rk_generate_options *options, rk_beam **beams, size_t *n_beams,
                            rk_error *err) {
    search s = {.context = context,
                .tokenizer = tokenizer,
                .beams = search_options,
                .options = options,
                .n_vocab = rk_tokenizer_vocabulary(tokenizer),
                .width = search_options->n_beams,
                .n_paths = 1};
    *beams = NULL;
    *n_beams = 0;
    RK_TRY(check(&s, err));
    rk_status status = search_init(&s, err);
    if (status != RK_OK) goto out;
    status = feed(&s, state, prompt, prompt_length, true, err);
    if (status != RK_OK) goto out;
    status = rk_state_copy(s.states[0], 0, state, 0, err);
    if (status != RK_OK) goto out;
    status = run(&s, err);
    if (status != RK_OK) goto out;
    status = feed(&s, state, s.found[0].text, s.found[0].length, false, err);
    if (status != RK_OK) goto out;
    if (options->text && s.found[0].length > 0) {
        (void)options->text(options->user, s.found[0].text, s.found[0].length);
    }
    *beams = s.found;
    *n_beams = s.n_found;
    s.found = NULL;
    s.n_found = 0;
out:
    search_fini(&s);
    return status;
}
