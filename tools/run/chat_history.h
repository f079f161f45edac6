// What was typed, kept from one conversation to the next: a text file with a line for each turn, in
// which \n stands for a newline and \\ for a backslash. Lines are appended, so several programs may
// use one file.
#ifndef RUN_CHAT_HISTORY_H
#define RUN_CHAT_HISTORY_H

#include <stdbool.h>

#include "run/line_editor.h"

typedef struct chat_history {
    char *path; // owned; NULL: nothing is kept
} chat_history;

// Gives the editor what the file holds. `chosen`: the file; empty: none; NULL: the usual place, and
// if there is none, or it cannot be used, nothing is kept. False after a message about a chosen
// file.
bool chat_history_open(chat_history *history, const char *chosen, line_editor *editor);

// Appends a turn. When that fails nothing is kept from then on.
void chat_history_add(chat_history *history, const char *text);

void chat_history_close(chat_history *history);

// A text as a line of the file, with its newline, and back. Release: free.
char *chat_history_line(const char *text);
char *chat_history_text(const char *line);

#endif
