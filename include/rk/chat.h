// Conversations: templates that say what a turn looks like to the model, and a session that takes
// turns, with the way back. docs/chat.md describes template files.
#ifndef RK_CHAT_H
#define RK_CHAT_H

#include "rk/generate.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// ---- templates

// Constant after it is made.
typedef struct rk_chat_template rk_chat_template;

// The name of preset i, or NULL behind the last one: "world", "raven", "g1", "g1-think", ...
const char *rk_chat_preset_name(size_t i);

// A preset by name (ERR_NOT_FOUND, listing the names), or a template file (ERR_FORMAT and
// ERR_UNSUPPORTED name its line). *out is owned by the caller; NULL on failure. Freeing accepts
// NULL and makes *chat_template NULL.
rk_status rk_chat_template_preset(rk_chat_template **out, const char *name, rk_error *err);
rk_status rk_chat_template_load(rk_chat_template **out, const char *path, rk_error *err);
void rk_chat_template_free(rk_chat_template **chat_template);

// What models expect of a turn: CR LF and lone CR become LF, blanks at the ends of lines and around
// the text go, and (collapse) so do empty lines. *out gets a new text of *length bytes, terminated,
// to be released with rk_chat_text_free, which accepts NULL and makes *text NULL; NULL on failure.
rk_status rk_chat_clean(char **out, size_t *length, const char *text, size_t text_length,
                        bool collapse, rk_error *err);
void rk_chat_text_free(char **text);

// ---- conversations

typedef struct rk_chat rk_chat;

typedef struct rk_chat_options {
    const char *system;  // the system text, cleaned like a turn; NULL or empty: none. Copied.
    bool keep_penalties; // otherwise what penalties count begins anew with every turn
    // Memory for the way back; 0: 256 MiB. When it is not enough the oldest turns can no longer be
    // undone; the last one always can.
    size_t history_bytes;
} rk_chat_options;

// A conversation that begins with the session as it is (empty, or with a tuned state). Borrows
// session and template. As long as it lives, the session is used through it alone, but for its
// sampler's settings, and by one thread at a time. options NULL: zeros. ERR_UNSUPPORTED when the
// template has no place for a system text. *out is owned by the caller, NULL on failure. Freeing
// accepts NULL and makes *chat NULL; the session stays as it is.
rk_status rk_chat_new(rk_chat **out, rk_session *session, const rk_chat_template *chat_template,
                      const rk_chat_options *options, rk_error *err);
void rk_chat_free(rk_chat **chat);

// Another template from the next turn on, borrowed like the first one, which is still needed: what
// has been said is answered again with the template that it was said with. ERR_UNSUPPORTED when it
// has no place for the system text; the old one then stays.
rk_status rk_chat_use_template(rk_chat *chat, const rk_chat_template *chat_template, rk_error *err);

// The exact text that the model would be given for this turn: with the first turn, what a
// conversation begins with; later, the end of the last answer. ERR_ARGUMENT when nothing is left of
// it after cleaning. *prompt, *length bytes and terminated, is released with rk_chat_text_free.
rk_status rk_chat_prompt(const rk_chat *chat, const char *text, size_t text_length, char **prompt,
                         size_t *length, rk_error *err);

// Says something and generates the answer. The stop strings are the template's and then those of
// the options; `stop` in the result counts in that order. The answer's text begins with what the
// template puts in its mouth. A failure (those of rk_chat_prompt and rk_generate), being cancelled
// in the prompt too, takes the turn back. result may be NULL.
rk_status rk_chat_say(rk_chat *chat, const char *text, size_t text_length,
                      const rk_generate_options *options, rk_generate_result *result,
                      rk_error *err);

// Takes the last answer back and answers again: with the random numbers that follow, so
// differently, or (same_numbers) with those of the last time, for other settings. ERR_NOT_FOUND
// when there is no answer that can be taken back.
rk_status rk_chat_answer_again(rk_chat *chat, bool same_numbers, const rk_generate_options *options,
                               rk_generate_result *result, rk_error *err);

// Takes the last turn back, what was said and the answer. ERR_NOT_FOUND when there is none.
rk_status rk_chat_undo(rk_chat *chat, rk_error *err);

// Back to the beginning: every turn is forgotten.
rk_status rk_chat_reset(rk_chat *chat, rk_error *err);

// The session has been loaded (rk_session_load) with a conversation in it that goes on behind an
// answer. This is the beginning now: nothing before can be undone, and reset comes back here.
rk_status rk_chat_resume(rk_chat *chat, rk_error *err);

size_t rk_chat_turns(const rk_chat *chat);    // since the beginning
size_t rk_chat_undoable(const rk_chat *chat); // how many of them can be undone

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
