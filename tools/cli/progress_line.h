// One line on stderr that says how far a job is: only on a terminal, not with --quiet, at most 6
// times a second, gone when the job is done. Also the place where long jobs learn of Ctrl-C.
#ifndef CLI_PROGRESS_LINE_H
#define CLI_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/progress.h"

typedef enum cli_unit { CLI_UNIT_BYTES, CLI_UNIT_TOKENS, CLI_UNIT_STEPS } cli_unit;

typedef struct cli_progress {
    const char *label; // borrowed: "converting", a file's name
    cli_unit unit;
    bool shown;     // anything may be printed at all
    double started; // cli_now
    double printed; // when the line last changed
    size_t width;   // of the line that is on the screen
} cli_progress;

void cli_progress_begin(cli_progress *progress, const char *label, cli_unit unit, bool quiet);

// For the library's jobs. The hook borrows the progress object, which must stay where it is.
rk_progress cli_progress_hook(cli_progress *progress);

// The same for loops of our own; false: stop.
bool cli_progress_report(void *progress, uint64_t done, uint64_t total);

// The job is done: takes the line off the screen.
void cli_progress_end(cli_progress *progress);

// Takes off the screen whatever line there is, because something else is about to be printed.
void cli_progress_hide(void);

// The line's text for a moment of a job, at most size - 1 characters; the terminal plays no part in
// it.
void cli_progress_line(char *text, size_t size, const cli_progress *progress, uint64_t done,
                       uint64_t total, double seconds);

#endif
