// Turns out of lines: a backslash at the end of a line means that the turn goes on with the next.
#ifndef RUN_CHAT_INPUT_H
#define RUN_CHAT_INPUT_H

#include <stdio.h>

#include "run/chat_history.h"
#include "run/line_editor.h"
#include "run/line_reader.h"

// All zeros reads standard input as it is.
typedef struct chat_input {
    line_editor *editor; // of the terminal; NULL: there is none
    chat_history history;
    line_reader reader;
} chat_input;

// With a screen, standard input is a terminal and lines are edited there. False after a message. To
// be closed in any case.
bool chat_input_open(chat_input *input, FILE *screen, bool bold, const char *history);
void chat_input_close(chat_input *input);

// Reads a turn or a command; release: free. Interrupted: what had been typed, or NULL.
line_end chat_input_read(chat_input *input, char **text, size_t *length);

// Is this line a command? Commands are lines of their own.
bool chat_is_command(const char *line, size_t length);

#endif
