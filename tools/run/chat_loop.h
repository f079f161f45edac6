// The mode --chat.
#ifndef RUN_CHAT_LOOP_H
#define RUN_CHAT_LOOP_H

#include "run/continue_text.h"

// Takes turns until the input ends; with a prompt, takes that one turn. Returns an exit code.
int run_chat(const text_job *job);

#endif
