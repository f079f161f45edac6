// Printing text as it comes.
#include "run/text_sink.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/progress_line.h"
#include "cli/signals.h"
#include "cli/standard_streams.h"

bool text_sink_write(void *user, const char *text, size_t length) {
    text_sink *sink = user;
    if (length > 0) {
        cli_progress_hide(); // of the prompt
        sink->failed = !cli_write_now(text, length);
        sink->last = text[length - 1];
    }
    return !sink->failed && !cli_interrupted();
}

void text_sink_end(const text_sink *sink) {
    if (sink->last != 0 && sink->last != '\n' && isatty(STDOUT_FILENO) != 0) putchar('\n');
}
