// Answers on standard output. Into a file or a pipe they go byte for byte, without the blanks that
// they begin with (those belong to the template). On a terminal, control characters are made
// visible, since a model's text is no reason to reconfigure it, and with colors the thoughts that
// an answer begins with (<think> ... </think>) are dimmed.
#ifndef RUN_CHAT_DISPLAY_H
#define RUN_CHAT_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct chat_display {
    bool terminal, colors;
    // Within an answer: its blanks; perhaps the beginning of <think>; thoughts; all the rest.
    enum { CHAT_BLANKS, CHAT_TAG, CHAT_THOUGHTS, CHAT_TEXT } part;
    size_t n_tag; // bytes of <think, or of </think>, that came
    char last;    // byte written last, 0: none
    bool failed;  // standard output took no more; cli_finish says why
    char buffer[512];
    size_t n_buffer;
} chat_display;

void chat_display_begin(chat_display *display, bool terminal, bool colors);

// An rk_generate_text_fn. False after a failed write or Ctrl-C.
bool chat_display_write(void *display, const char *text, size_t length);

// The answer has ended: its line does, too.
void chat_display_end(chat_display *display);

#endif
