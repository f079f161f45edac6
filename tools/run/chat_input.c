// Reading turns.
#include "run/chat_input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"

bool chat_input_open(chat_input *input, FILE *screen, bool bold, const char *history) {
    *input = (chat_input){0};
    if (screen == NULL) return true;
    input->editor = line_editor_new(screen, bold);
    if (input->editor == NULL) {
        cli_complain("this terminal cannot be used for editing");
        return false;
    }
    return chat_history_open(&input->history, history, input->editor);
}

void chat_input_close(chat_input *input) {
    chat_history_close(&input->history);
    line_editor_free(&input->editor);
    line_reader_free(&input->reader);
}

bool chat_is_command(const char *line, size_t length) {
    if (length == 1 && line[0] == '+') return true;
    return length > 0 && line[0] == '/' && (length == 1 || line[1] != '/');
}

static line_end read_line(chat_input *input, bool first, char **line, size_t *length) {
    if (input->editor == NULL) return line_reader_read(&input->reader, line, length);
    return line_editor_read(input->editor, first ? "> " : ". ", line, length);
}

static bool goes_on(const char *line, size_t length) {
    return length > 0 && line[length - 1] == '\\';
}

// The line comes behind the turn so far, whose backslash becomes the newline.
static void append(char **text, size_t *length, const char *line, size_t n) {
    *text = cli_reallocate(*text, *length + n + 1, 1);
    if (*length > 0) (*text)[*length - 1] = '\n';
    if (n > 0) memcpy(*text + *length, line, n);
    *length += n;
    (*text)[*length] = '\0';
}

static void remember(chat_input *input, const char *text) {
    if (input->editor == NULL || text[strspn(text, " \t\n")] == '\0') return;
    line_editor_remember(input->editor, text);
    chat_history_add(&input->history, text);
}

line_end chat_input_read(chat_input *input, char **text, size_t *length) {
    char *turn = NULL;
    size_t n_turn = 0;
    line_end end;
    bool more = true;
    for (bool first = true; more; first = false) {
        char *line;
        size_t n;
        end = read_line(input, first, &line, &n);
        if (line != NULL) append(&turn, &n_turn, line, n);
        more = end == LINE_DONE && goes_on(turn, n_turn) && !chat_is_command(turn, n_turn);
        free(line);
    }
    // The end of the input ends a turn that was to go on, too.
    if (end == LINE_CLOSED && turn != NULL) end = LINE_DONE;
    assert(end != LINE_DONE || turn != NULL);
    if (turn != NULL && end == LINE_DONE) remember(input, turn);
    *text = turn;
    *length = n_turn;
    return end;
}
