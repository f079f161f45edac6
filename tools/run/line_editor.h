// Lines from a person at a terminal, with editing and history where there is libedit
// (line_editor_libedit.c); elsewhere with what the terminal itself can do (line_editor_plain.c).
#ifndef RUN_LINE_EDITOR_H
#define RUN_LINE_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "run/line_reader.h"

typedef struct line_editor line_editor;

// What does the editing, in a word or two.
extern const char line_editor_name[];

// Whether there is a history that can be gone back through.
extern const bool line_editor_remembers;

// Standard input, which is a terminal, shown on `screen`, which is one too. cli_signals_converse
// has been called. bold: the prompts. NULL: this terminal cannot be used.
line_editor *line_editor_new(FILE *screen, bool bold);
void line_editor_free(line_editor **editor);

// Reads a line; it may contain newlines that were pasted. *line gets *length bytes without the
// newline at the end, and a terminator; release: free. When the line was interrupted it is what had
// been typed, or NULL where that is not known. NULL when the input is closed.
line_end line_editor_read(line_editor *editor, const char *prompt, char **line, size_t *length);

// What can be gone back to; the newest comes last.
void line_editor_remember(line_editor *editor, const char *text);

#endif
