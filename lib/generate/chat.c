// Conversations: a session that takes turns, with snapshots on the way.
#include <string.h>

#include "base/memory.h"
#include "generate/byte_buffer.h"
#include "generate/chat_template.h"
#include "generate/session_internal.h"

// A turn that can be undone.
typedef struct turn {
    rk__snapshot before;                   // it was said
    rk__snapshot said;                     // and the model is to answer
    uint64_t counter;                      // of the generator, when the answer began
    const rk_chat_template *chat_template; // that it was said with
} turn;

struct rk_chat {
    rk_session *session;                   // borrowed
    const rk_chat_template *chat_template; // borrowed, of the next turn
    char *system;                          // cleaned; NULL: none
    size_t n_system;
    bool keep_penalties;
    size_t history_bytes;
    rk__snapshot beginning;
    bool resumed; // the beginning is behind an answer
    turn *turns;  // [n_turns], the last ones
    size_t n_turns, capacity;
    size_t n_before; // turns that can no longer be undone
};

// ---- snapshots of the session

static rk_status take(rk_chat *chat, rk__snapshot *snapshot, rk_error *err) {
    const rk_session *s = chat->session;
    return rk__snapshot_take(snapshot, s->state, s->sequence, rk_session_logits(s), s->sampler,
                             err);
}

static rk_status restore(rk_chat *chat, const rk__snapshot *snapshot, rk_error *err) {
    rk_session *s = chat->session;
    rk__session_forget_text(s);
    return rk__snapshot_restore(snapshot, s->state, s->sequence, s->logits, &s->has_logits,
                                s->sampler, err);
}

static void turn_fini(turn *t) {
    rk__snapshot_fini(&t->before);
    rk__snapshot_fini(&t->said);
}

static void forget_turns(rk_chat *chat) {
    for (size_t i = 0; i < chat->n_turns; i++) turn_fini(&chat->turns[i]);
    chat->n_turns = 0;
    chat->n_before = 0;
}

// Drops the oldest turns that memory is not enough for.
static void bound_history(rk_chat *chat) {
    size_t bytes = 0, keep = 0;
    while (keep < chat->n_turns) {
        const turn *t = &chat->turns[chat->n_turns - 1 - keep];
        bytes += rk__snapshot_bytes(&t->before) + rk__snapshot_bytes(&t->said);
        if (keep > 0 && bytes > chat->history_bytes) break;
        keep++;
    }
    const size_t drop = chat->n_turns - keep;
    for (size_t i = 0; i < drop; i++) turn_fini(&chat->turns[i]);
    memmove(chat->turns, chat->turns + drop, keep * sizeof chat->turns[0]);
    chat->n_turns = keep;
    chat->n_before += drop;
}

// ---- life

static rk_status check_system(const rk_chat *chat, const rk_chat_template *chat_template,
                              rk_error *err) {
    if (chat->n_system == 0 || chat_template->system.before) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED, "this chat template has no place for a system text");
}

rk_status rk_chat_new(rk_chat **out, rk_session *session, const rk_chat_template *chat_template,
                      const rk_chat_options *options, rk_error *err) {
    static const rk_chat_options defaults = {0};
    enum { DEFAULT_HISTORY = 256 << 20 };
    if (!options) options = &defaults;
    rk_chat *chat = NULL;
    rk_status status = rk__alloc((void **)&chat, 1, sizeof *chat, err);
    if (status != RK_OK) goto out;
    chat->session = session;
    chat->chat_template = chat_template;
    chat->keep_penalties = options->keep_penalties;
    chat->history_bytes = options->history_bytes > 0 ? options->history_bytes : DEFAULT_HISTORY;
    if (options->system) {
        status = rk_chat_clean(&chat->system, &chat->n_system, options->system,
                               strlen(options->system), !chat_template->keep_empty_lines, err);
        if (status != RK_OK) goto out;
    }
    status = check_system(chat, chat_template, err);
    if (status != RK_OK) goto out;
    status = take(chat, &chat->beginning, err);
out:
    if (status != RK_OK) rk_chat_free(&chat);
    *out = chat;
    return status;
}

void rk_chat_free(rk_chat **chat) {
    rk_chat *c = *chat;
    *chat = NULL;
    if (!c) return;
    forget_turns(c);
    rk__free(c->turns);
    rk__snapshot_fini(&c->beginning);
    rk__free(c->system);
    rk__free(c);
}

rk_status rk_chat_use_template(rk_chat *chat, const rk_chat_template *chat_template,
                               rk_error *err) {
    RK_TRY(check_system(chat, chat_template, err));
    chat->chat_template = chat_template;
    return RK_OK;
}

size_t rk_chat_turns(const rk_chat *chat) {
    return chat->n_before + chat->n_turns;
}

size_t rk_chat_undoable(const rk_chat *chat) {
    return chat->n_turns;
}

// ---- prompts

static void append_before(rk__byte_buffer *b, const rk__chat_format *format, rk_error *err) {
    rk__byte_buffer_append(b, format->before, format->n_before, err);
}

static void append_filled(rk__byte_buffer *b, const rk__chat_format *format, const char *text,
                          size_t length, rk_error *err) {
    append_before(b, format, err);
    rk__byte_buffer_append(b, text, length, err);
    rk__byte_buffer_append(b, format->after, format->n_after, err);
}

rk_status rk_chat_prompt(const rk_chat *chat, const char *text, size_t text_length, char **prompt,
                         size_t *length, rk_error *err) {
    const rk_chat_template *t = chat->chat_template;
    rk__byte_buffer b = {0};
    char *clean;
    size_t n_clean;
    *prompt = NULL;
    *length = 0;
    RK_TRY(rk_chat_clean(&clean, &n_clean, text, text_length, !t->keep_empty_lines, err));
    if (n_clean == 0) {
        rk__free(clean);
        return rk__fail(err, RK_ERR_ARGUMENT, "there is nothing in this turn");
    }
    if (rk_chat_turns(chat) > 0 || chat->resumed) {
        append_before(&b, &t->answer_end, err);
    } else {
        append_before(&b, &t->begin, err);
        if (chat->n_system > 0) append_filled(&b, &t->system, chat->system, chat->n_system, err);
    }
    append_filled(&b, &t->turn, clean, n_clean, err);
    append_before(&b, &t->answer_begin, err);
    rk__byte_buffer_append(&b, "", 1, err);
    rk__free(clean);
    if (b.status != RK_OK) {
        rk__byte_buffer_fini(&b);
        return b.status;
    }
    *prompt = (char *)b.bytes;
    *length = b.size - 1;
    return RK_OK;
}

// ---- answers

// What the template puts in the answer's mouth is part of what is shown.
static bool show_beginning(const rk_chat_template *chat_template,
                           const rk_generate_options *options) {
    const rk__chat_format *begin = &chat_template->answer_begin;
    if (!options->text || begin->n_before == 0) return true;
    return options->text(options->user, begin->before, begin->n_before);
}

static rk_status answer(rk_chat *chat, const rk_chat_template *t,
                        const rk_generate_options *options, rk_generate_result *result,
                        rk_error *err) {
    rk_generate_options joined = *options;
    rk_text *stops = NULL;
    if (!show_beginning(t, options)) {
        *result = (rk_generate_result){.stopped_by_caller = true, .end = RK_END_CALLER};
        return RK_OK;
    }
    RK_TRY(rk__alloc((void **)&stops, t->n_stops + options->n_stops, sizeof stops[0], err));
    memcpy(stops, t->stops, t->n_stops * sizeof stops[0]);
    for (size_t i = 0; i < options->n_stops; i++) stops[t->n_stops + i] = options->stops[i];
    joined.stops = stops;
    joined.n_stops = t->n_stops + options->n_stops;
    const rk_status status = rk_session_generate(chat->session, &joined, result, err);
    // An answer that max_tokens ends is not gone on with.
    if (status == RK_OK && result->end == RK_END_LENGTH) {
        result->stopped_by_caller = !rk_session_flush(chat->session, options->text, options->user);
        if (result->stopped_by_caller) result->end = RK_END_CALLER;
    }
    rk__free(stops);
    return status;
}

static rk_status say(rk_chat *chat, turn *t, const char *prompt, size_t length,
                     const rk_generate_options *options, rk_generate_result *result,
                     rk_error *err) {
    if (!chat->keep_penalties) rk_sampler_reset(chat->session->sampler);
    rk_generate_result fed;
    const rk_status status = rk__session_feed(chat->session, prompt, length, options, &fed, err);
    *result = fed;
    RK_TRY(status);
    RK_TRY(take(chat, &t->said, err));
    t->counter = rk_sampler_counter(chat->session->sampler);
    RK_TRY(answer(chat, t->chat_template, options, result, err));
    result->n_prompt_tokens = fed.n_prompt_tokens;
    result->prompt_seconds += fed.prompt_seconds;
    return RK_OK;
}

rk_status rk_chat_say(rk_chat *chat, const char *text, size_t text_length,
                      const rk_generate_options *options, rk_generate_result *result,
                      rk_error *err) {
    rk_generate_result ours = {0};
    turn now = {.chat_template = chat->chat_template};
    char *prompt;
    size_t length;
    RK_TRY(rk_chat_prompt(chat, text, text_length, &prompt, &length, err));
    void *turns = chat->turns;
    rk_status status =
        rk__grow(&turns, &chat->capacity, chat->n_turns + 1, sizeof chat->turns[0], err);
    chat->turns = turns;
    if (status != RK_OK) goto out;
    status = take(chat, &now.before, err);
    if (status != RK_OK) goto out;
    status = say(chat, &now, prompt, length, options, &ours, err);
    if (status != RK_OK) {
        (void)restore(chat, &now.before, NULL);
        goto out;
    }
    chat->turns[chat->n_turns++] = now;
    bound_history(chat);
out:
    if (status != RK_OK) turn_fini(&now);
    if (result) *result = ours;
    rk_chat_text_free(&prompt);
    return status;
}

rk_status rk_chat_answer_again(rk_chat *chat, bool same_numbers, const rk_generate_options *options,
                               rk_generate_result *result, rk_error *err) {
    rk_generate_result ours = {0};
    if (chat->n_turns == 0) {
        return rk__fail(err, RK_ERR_NOT_FOUND, "there is no answer to take back");
    }
    const turn *last = &chat->turns[chat->n_turns - 1];
    rk_sampler *sampler = chat->session->sampler;
    RK_TRY(restore(chat, &last->said, err));
    if (same_numbers) rk_sampler_set_generator(sampler, rk_sampler_seed(sampler), last->counter);
    const rk_status status = answer(chat, last->chat_template, options, &ours, err);
    // Where the answer fails, the turn is there, with no answer yet.
    if (status != RK_OK) (void)restore(chat, &last->said, NULL);
    if (result) *result = ours;
    return status;
}

// ---- the way back

rk_status rk_chat_undo(rk_chat *chat, rk_error *err) {
    if (chat->n_turns == 0) {
        return rk__fail(err, RK_ERR_NOT_FOUND, "%s",
                        rk_chat_turns(chat) > 0 ? "no more turns are remembered"
                                                : "there is no turn to undo");
    }
    turn *last = &chat->turns[chat->n_turns - 1];
    RK_TRY(restore(chat, &last->before, err));
    turn_fini(last);
    chat->n_turns--;
    return RK_OK;
}

rk_status rk_chat_reset(rk_chat *chat, rk_error *err) {
    RK_TRY(restore(chat, &chat->beginning, err));
    forget_turns(chat);
    return RK_OK;
}

rk_status rk_chat_resume(rk_chat *chat, rk_error *err) {
    RK_TRY(take(chat, &chat->beginning, err));
    forget_turns(chat);
    chat->resumed = true;
    return RK_OK;
}
