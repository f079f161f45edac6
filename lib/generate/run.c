// One text being generated: which tokens are fed next, and what becomes of the logits.
#include <assert.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "generate/chances.h"
#include "generate/session_internal.h"
#include "generate/stop_strings.h"

enum { DEFAULT_SLICE = 256 };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t vocabulary_of(const rk_session *session) {
    return rk_tokenizer_vocabulary(session->tokenizer);
}

// ---- beginning and end

rk_status rk__run_begin(rk__run *run, rk_session *session, const rk_generate_options *options,
                        rk_error *err) {
    *run = (rk__run){.session = session, .options = options, .start = seconds_now()};
    for (size_t i = 0; i < options->n_stops; i++) {
        if (options->stops[i].length > 0) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "stop string %zu is empty", i + 1);
    }
    const size_t n_top =
        options->n_top < vocabulary_of(session) ? options->n_top : vocabulary_of(session);
    return rk__alloc((void **)&run->top, n_top, sizeof run->top[0], err);
}

// Adds the time since the start of the phase to where it belongs.
static void account(rk__run *run) {
    const double now = seconds_now();
    if (run->phase == RK__RUN_PROMPT) run->result.prompt_seconds += now - run->start;
    if (run->phase == RK__RUN_DRAW || run->phase == RK__RUN_GO_BACK) {
        run->result.draw_seconds += now - run->start;
    }
    run->start = now;
}

static void finish(rk__run *run, rk_generate_end end) {
    const rk_generate_options *o = run->options;
    run->result.end = end;
    // A session that goes on may yet complete what is held back; otherwise this is all.
    const bool is_all = end == RK_END_STOP_TOKEN || (end == RK_END_LENGTH && !run->is_session);
    if (is_all && !rk_session_flush(run->session, o->text, o->user)) {
        run->result.end = RK_END_CALLER;
    }
    run->result.stopped_by_caller = run->result.end == RK_END_CALLER;
    account(run);
    run->phase = RK__RUN_DONE;
}

void rk__run_end(rk__run *run) {
    account(run);
    run->phase = RK__RUN_DONE;
    rk__free(run->tokens);
    rk__free(run->top);
    run->tokens = NULL;
    run->top = NULL;
}

// ---- tokens to be fed

static void feed_nothing(rk__run *run) {
    run->n_tokens = run->fed = 0;
}

static rk_status feed_also(rk__run *run, uint32_t token, rk_error *err) {
    void *grown = run->tokens;
    RK_TRY(rk__grow(&grown, &run->capacity, run->n_tokens + 1, sizeof run->tokens[0], err));
    run->tokens = grown;
    run->tokens[run->n_tokens++] = token;
    return RK_OK;
}

rk_status rk__run_prompt(rk__run *run, uint32_t *tokens, size_t n_tokens, rk_error *err) {
    run->tokens = tokens;
    run->n_tokens = run->capacity = n_tokens;
    rk__session_forget_text(run->session);
    if (n_tokens == 0) RK_TRY(feed_also(run, 0, err));
    return rk_sampler_observe(run->session->sampler, run->tokens, run->n_tokens, err);
}

static bool is_last_token(const rk__run *run) {
    const bool fed_all = run->fed + run->feeding == run->n_tokens;
    switch (run->phase) {
    case RK__RUN_PROMPT:
        return fed_all && run->options->max_tokens == 0;
    case RK__RUN_DRAW:
        return run->caller_had_enough || run->result.n_drawn_tokens == run->options->max_tokens;
    case RK__RUN_GO_BACK:
    case RK__RUN_DONE:
        break;
    }
    return true;
}

bool rk__run_next(rk__run *run, rk_sequence *sequence) {
    if (run->phase == RK__RUN_DONE) return false;
    const size_t slice = run->options->slice > 0 ? run->options->slice : DEFAULT_SLICE;
    const size_t left = run->n_tokens - run->fed;
    run->feeding = left < slice ? left : slice;
    const bool more_to_feed = run->feeding < left;
    const bool needs_logits = !more_to_feed && (run->is_session || !is_last_token(run));
    run->session->has_logits = needs_logits;
    *sequence = (rk_sequence){.index = run->session->sequence,
                              .tokens = run->tokens + run->fed,
                              .n_tokens = run->feeding,
                              .wanted = needs_logits ? RK_LOGITS_LAST : RK_LOGITS_NONE,
                              .logits = run->session->logits};
    return true;
}

// ---- drawn tokens

static bool is_stop_token(const rk__run *run, uint32_t token) {
    const rk_generate_options *o = run->options;
    for (size_t i = 0; i < o->n_stop_tokens; i++) {
        if (o->stop_tokens[i] == token) return true;
    }
    return token == 0 && !o->ignore_end_of_text;
}

// False when the callback has had enough.
static bool show_token(rk__run *run, uint32_t token) {
    const rk_generate_options *o = run->options;
    if (!o->token) return true;
    const rk_session *s = run->session;
    const size_t n_vocab = vocabulary_of(s);
    const double log_sum = rk__log_sum(s->logits, n_vocab);
    const size_t n_top = o->n_top < n_vocab ? o->n_top : n_vocab;
    rk__most_probable(s->logits, n_vocab, log_sum, run->top, n_top);
    rk_drawn_token drawn = {.token = token,
                            .log_p = (float)((double)s->logits[token] - log_sum),
                            .top = run->top,
                            .n_top = n_top,
                            .logits = s->logits,
                            .state = s->state,
                            .sequence = s->sequence};
    drawn.text = rk_tokenizer_decode(s->tokenizer, token, &drawn.length);
    return o->token(o->user, &drawn);
}

// Hands on the first n bytes that were held back. False when the callback has had enough.
static bool show_held(rk__run *run, size_t n) {
    rk_session *s = run->session;
    const rk_generate_options *o = run->options;
    const bool go_on =
        n == 0 || !o->text || rk__utf8_push(&s->stream, s->held, n, o->text, o->user);
    s->n_held -= n;
    if (n > 0) memmove(s->held, s->held + n, s->n_held);
    return go_on;
}

static rk_status hold_text(rk_session *s, uint32_t token, rk_error *err) {
    size_t length;
    const char *text = rk_tokenizer_decode(s->tokenizer, token, &length);
    void *grown = s->held;
    RK_TRY(rk__grow(&grown, &s->held_capacity, s->n_held + length, 1, err));
    s->held = grown;
    if (length > 0) memcpy(s->held + s->n_held, text, length);
    s->n_held += length;
    return RK_OK;
}

// ---- going back to before a stop string

// To be fed: what the beginning of a token's text is encoded as.
static rk_status feed_part(rk__run *run, uint32_t token, size_t length, rk_error *err) {
    rk_session *s = run->session;
    size_t whole;
    const char *text = rk_tokenizer_decode(s->tokenizer, token, &whole);
    uint32_t *tokens;
    size_t n_tokens;
    assert(length <= whole);
    RK_TRY(rk_tokenizer_encode(s->tokenizer, text, length, &tokens, &n_tokens, err));
    rk_status status = RK_OK;
    for (size_t i = 0; status == RK_OK && i < n_tokens; i++) {
        status = feed_also(run, tokens[i], err);
    }
    rk_tokens_free(&tokens);
    return status;
}

// Restores the last snapshot before byte `begin` of the text; to be fed is then what was drawn
// between. `token` is the one drawn last, which was not fed; the text with it has `end` bytes.
static rk_status restore(rk__run *run, uint64_t begin, uint32_t token, uint64_t end,
                         rk_error *err) {
    rk_session *s = run->session;
    const rk__rewind *rewind = &s->rewind;
    const rk__rewind_point *point = rk__rewind_find(rewind, begin);
    assert(point != NULL);
    RK_TRY(rk__snapshot_restore(&point->snapshot, s->state, s->sequence, s->logits, &s->has_logits,
                                s->sampler, err));
    uint64_t border = point->offset;
    size_t i = point->n_before;
    for (; i < rewind->n_tokens && rewind->tokens[i].end <= begin; i++) {
        RK_TRY(feed_also(run, rewind->tokens[i].token, err));
        border = rewind->tokens[i].end;
    }
    run->result.n_withdrawn = rewind->n_tokens - i + (end > s->offset ? 1 : 0);
    const uint32_t cut = i < rewind->n_tokens ? rewind->tokens[i].token : token;
    return feed_part(run, cut, (size_t)(begin - border), err);
}

// The stop string begins at byte `begin` of a text that has `end` bytes with the last token.
static rk_status go_back(rk__run *run, uint64_t begin, uint32_t token, uint64_t end,
                         rk_error *err) {
    rk_session *s = run->session;
    feed_nothing(run);
    if (begin >= s->offset) { // the last token alone, and the state does not have it
        run->result.n_withdrawn = 1;
        RK_TRY(feed_part(run, token, (size_t)(begin - s->offset), err));
    } else {
        RK_TRY(restore(run, begin, token, end, err));
    }
    for (size_t i = 0; i < run->n_tokens; i++) {
        RK_TRY(rk_sampler_accept(s->sampler, run->tokens[i], err));
    }
    rk__session_forget_text(s);
    if (run->n_tokens == 0) {
        finish(run, run->result.end);
    } else {
        run->phase = RK__RUN_GO_BACK;
    }
    return RK_OK;
}

// If a stop string is complete in the text that is held, of which the first `from` bytes contain
// none, the text ends before it. `token` was drawn last; with it the text has `end` bytes.
static rk_status check_stop(rk__run *run, size_t from, uint32_t token, uint64_t end, bool go_on,
                            bool *stopped, rk_error *err) {
    rk_session *s = run->session;
    const rk_generate_options *o = run->options;
    size_t stop, begin;
    *stopped = rk__find_stop(s->held, s->n_held, from, o->stops, o->n_stops, &stop, &begin);
    if (!*stopped) return RK_OK;
    const uint64_t begin_in_text = end - s->n_held + begin;
    go_on = show_held(run, begin) && go_on;
    s->n_held = 0; // the stop string itself
    if (o->text) go_on = rk__utf8_flush(&s->stream, o->text, o->user) && go_on;
    run->result.end = go_on ? RK_END_STOP_STRING : RK_END_CALLER;
    run->result.stop = stop;
    return go_back(run, begin_in_text, token, end, err);
}

// ---- drawing

// The token is not the end: it is remembered, shown as far as it can be, and fed.
static rk_status keep_token(rk__run *run, uint32_t token, uint64_t end, bool go_on, rk_error *err) {
    rk_session *s = run->session;
    const rk_generate_options *o = run->options;
    const size_t unfinished = rk__unfinished_stop(s->held, s->n_held, o->stops, o->n_stops);
    if (unfinished == 0) {
        rk__rewind_forget(&s->rewind);
    } else {
        rk__rewind_trim(&s->rewind, end - unfinished);
        if (rk__rewind_is_due(&s->rewind)) {
            rk__rewind_point *point = rk__rewind_add_point(&s->rewind, s->offset);
            RK_TRY(rk__snapshot_take(&point->snapshot, s->state, s->sequence, s->logits, s->sampler,
                                     err));
        }
    }
    RK_TRY(rk__rewind_add_token(&s->rewind, token, end, err));
    RK_TRY(rk_sampler_accept(s->sampler, token, err));
    s->offset = end;
    run->caller_had_enough = !(show_held(run, s->n_held - unfinished) && go_on);
    feed_nothing(run);
    return feed_also(run, token, err);
}

static rk_status draw(rk__run *run, rk_error *err) {
    rk_session *s = run->session;
    uint32_t token;
    if (run->result.n_drawn_tokens == run->options->max_tokens) {
        finish(run, RK_END_LENGTH);
        return RK_OK;
    }
    RK_TRY(rk_sampler_draw(s->sampler, s->logits, &token, err));
    run->result.n_drawn_tokens++;
    if (is_stop_token(run, token)) {
        run->result.stop = token;
        run->result.n_withdrawn = 1;
        finish(run, RK_END_STOP_TOKEN);
        return RK_OK;
    }
    const bool go_on = show_token(run, token);
    const size_t n_before = s->n_held;
    RK_TRY(hold_text(s, token, err));
    const uint64_t end = s->offset + (s->n_held - n_before);
    bool stopped;
    RK_TRY(check_stop(run, n_before, token, end, go_on, &stopped, err));
    return stopped ? RK_OK : keep_token(run, token, end, go_on, err);
}

// ---- steps

rk_status rk__run_resume(rk__run *run, rk_error *err) {
    rk_session *s = run->session;
    if (!s->has_logits) return rk__run_prompt(run, NULL, 0, err);
    run->phase = RK__RUN_DRAW;
    // What is held back came under other stop strings, maybe.
    bool stopped;
    RK_TRY(check_stop(run, 0, 0, s->offset, true, &stopped, err));
    return stopped ? RK_OK : draw(run, err);
}

static rk_status take_prompt(rk__run *run, rk_error *err) {
    const rk_progress *progress = &run->options->progress;
    run->result.n_prompt_tokens = run->fed;
    if (progress->report && !progress->report(progress->user, run->fed, run->n_tokens)) {
        return rk__fail(err, RK_ERR_CANCELLED, "cancelled after %zu of %zu tokens of the prompt",
                        run->fed, run->n_tokens);
    }
    if (run->fed < run->n_tokens) return RK_OK;
    account(run);
    run->phase = RK__RUN_DRAW;
    return draw(run, err);
}

rk_status rk__run_take(rk__run *run, rk_error *err) {
    run->fed += run->feeding;
    switch (run->phase) {
    case RK__RUN_PROMPT:
        return take_prompt(run, err);
    case RK__RUN_DRAW:
        if (!run->caller_had_enough) return draw(run, err);
        finish(run, RK_END_CALLER);
        break;
    case RK__RUN_GO_BACK:
        if (run->fed == run->n_tokens) finish(run, run->result.end);
        break;
    case RK__RUN_DONE:
        break;
    }
    return RK_OK;
}

rk_status rk__run_alone(rk__run *run, rk_error *err) {
    rk_sequence sequence;
    while (rk__run_next(run, &sequence)) {
        RK_TRY(rk_eval_batch(run->session->context, run->session->state, &sequence, 1, err));
        RK_TRY(rk__run_take(run, err));
    }
    return RK_OK;
}
