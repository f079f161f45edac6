// Where generated text goes: standard output, at once.
#ifndef TEXT_SINK_H
#define TEXT_SINK_H

#include <stdbool.h>
#include <stddef.h>

typedef struct text_sink {
    char last;   // byte written last, 0 at the start
    bool failed; // standard output took no more; cli_finish says why
} text_sink;

// An rk_generate_text_fn whose user is a text_sink. False after a failed write or Ctrl-C.
bool text_sink_write(void *sink, const char *text, size_t length);

// On a terminal, ends the last line, so that the shell's prompt begins a new one.
void text_sink_end(const text_sink *sink);

#endif
