// A conversation with a model as --chat has it: what is said, answers as they are shown, settings
// that change on the way.
#ifndef RUN_CONVERSATION_H
#define RUN_CONVERSATION_H

#include <stdio.h>

#include "rk/chat.h"
#include "run/chat_display.h"
#include "run/continue_text.h"

typedef struct named_template {
    char *name; // of a preset, or of a template file
    rk_chat_template *chat_template;
} named_template;

typedef struct conversation {
    const text_job *job; // borrowed
    rk_session *session;
    rk_chat *chat;
    named_template *templates; // [n_templates], all that were used
    size_t n_templates;
    const char *preset; // the name of the one in use

    size_t max_tokens; // of an answer
    sampling_settings wanted;
    sampling sampling; // the same, read
    char **texts;      // [n_texts], what `wanted` points at
    size_t n_texts;

    FILE *screen; // where a person reads; NULL: nobody does
    bool colors;  // of standard output
    chat_display display;

    size_t n_answers;
    rk_generate_result last; // of the last answer
    bool failed;             // something that was asked for was not done
} conversation;

// Begins one, or goes on with that of --state-in. screen: see above. Returns an exit code, after a
// message; to be closed in any case.
int conversation_open(conversation *c, const text_job *job, FILE *screen);
void conversation_close(conversation *c);

// Says something and shows the answer. Blanks alone say nothing.
void conversation_say(conversation *c, const char *text, size_t length);

// Answers again, differently, or with the random numbers of the last time.
void conversation_retry(conversation *c, bool same_numbers);

// Shows what the model would be given.
void conversation_show_prompt(conversation *c, const char *text, size_t length);

// The text is that of one of the presets from now on.
void conversation_use_preset(conversation *c, const char *name);

// A remark for whoever sits at the screen, a line in parentheses.
__attribute__((format(printf, 2, 3))) void conversation_remark(const conversation *c,
                                                               const char *format, ...);

// Something was not done: says why.
void conversation_fail(conversation *c, const rk_error *err);

#endif
