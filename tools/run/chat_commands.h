// What a person can ask of a chat itself: lines that begin with a slash.
#ifndef RUN_CHAT_COMMANDS_H
#define RUN_CHAT_COMMANDS_H

#include "run/conversation.h"

// Does what a command says, or says why not. False: the chat is to end.
bool chat_command(conversation *c, const char *line, size_t length);

// /set: "NAME VALUE"; without anything, the names that there are (chat_tuning.c).
void chat_set(conversation *c, const char *text);

#endif
