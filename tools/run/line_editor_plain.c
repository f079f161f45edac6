// The line editor where there is none: the terminal itself lets a line be corrected.
#include <stdlib.h>

#include "cli/allocate.h"
#include "run/line_editor.h"

const char line_editor_name[] = "none in this build";
const bool line_editor_remembers = false;

struct line_editor {
    FILE *screen;
    bool bold;
    line_reader reader;
};

line_editor *line_editor_new(FILE *screen, bool bold) {
    line_editor *editor = cli_allocate(1, sizeof *editor);
    *editor = (line_editor){.screen = screen, .bold = bold};
    return editor;
}

void line_editor_free(line_editor **editor) {
    if (*editor != NULL) line_reader_free(&(*editor)->reader);
    free(*editor);
    *editor = NULL;
}

void line_editor_remember(line_editor *editor, const char *text) {
    (void)editor;
    (void)text;
}

line_end line_editor_read(line_editor *editor, const char *prompt, char **line, size_t *length) {
    fprintf(editor->screen, editor->bold ? "\033[1m%s\033[0m" : "%s", prompt);
    fflush(editor->screen);
    const line_end end = line_reader_read(&editor->reader, line, length);
    if (end == LINE_INTERRUPTED) line_reader_forget(&editor->reader);
    return end;
}
