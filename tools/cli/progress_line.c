// The progress line.
#include "cli/progress_line.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/signals.h"
#include "cli/sizes.h"

static cli_progress *on_screen; // the one whose line can be seen

static const double INTERVAL = 1.0 / 6.0; // seconds between two changes of the line
static const double PATIENCE = 0.5;       // shorter jobs show nothing

void cli_progress_begin(cli_progress *progress, const char *label, cli_unit unit, bool quiet) {
    *progress = (cli_progress){
        .label = label,
        .unit = unit,
        .shown = !quiet && isatty(STDERR_FILENO) != 0,
        .started = cli_now(),
    };
    progress->printed = progress->started + PATIENCE - INTERVAL;
}

rk_progress cli_progress_hook(cli_progress *progress) {
    return (rk_progress){.report = cli_progress_report, .user = progress};
}

static void format_amounts(char *text, size_t size, cli_unit unit, uint64_t done, uint64_t total,
                           double rate) {
    if (unit == CLI_UNIT_TOKENS) {
        snprintf(text, size, "%ju of %ju tokens, %.*f tokens/s", (uintmax_t)done, (uintmax_t)total,
                 rate < 100.0 ? 1 : 0, rate);
        return;
    }
    if (unit == CLI_UNIT_STEPS) {
        snprintf(text, size, "%ju of %ju steps", (uintmax_t)done, (uintmax_t)total);
        return;
    }
    char a[CLI_SIZE_TEXT], b[CLI_SIZE_TEXT], c[CLI_SIZE_TEXT];
    snprintf(text, size, "%s of %s, %s/s", cli_size_format(a, (double)done),
             cli_size_format(b, (double)total), cli_size_format(c, rate));
}

void cli_progress_line(char *text, size_t size, const cli_progress *progress, uint64_t done,
                       uint64_t total, double seconds) {
    const double share = total > 0 ? (double)done / (double)total : 1.0;
    const double rate = seconds > 0.0 ? (double)done / seconds : 0.0;
    char amounts[128], left[CLI_TIME_TEXT] = "?";
    format_amounts(amounts, sizeof amounts, progress->unit, done, total, rate);
    if (rate > 0.0) cli_time_format(left, (double)(total > done ? total - done : 0) / rate);
    snprintf(text, size, "%s %3.0f %%  %s, %s left", progress->label, 100.0 * share, amounts, left);
}

// One column stays free: a full line makes some terminals begin a new one.
static size_t terminal_columns(void) {
    struct winsize window;
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
    return known ? (size_t)window.ws_col - 1 : 79;
}

// Writes a line over the one on the screen, and blanks over what it leaves of it.
static void show(cli_progress *progress, const char *line) {
    size_t length = strlen(line);
    const size_t columns = terminal_columns();
    if (length > columns) length = columns;
    const size_t old = progress->width < columns ? progress->width : columns;
    const int blanks = old > length ? (int)(old - length) : 0;
    fprintf(stderr, "\r%.*s%*s\r%.*s", (int)length, line, blanks, "", (int)length, line);
    fflush(stderr);
    progress->width = length;
    on_screen = length > 0 ? progress : NULL;
}

bool cli_progress_report(void *user, uint64_t done, uint64_t total) {
    cli_progress *progress = user;
    const double now = cli_now();
    if (progress->shown && now - progress->printed >= INTERVAL) {
        char line[256];
        cli_progress_line(line, sizeof line, progress, done, total, now - progress->started);
        show(progress, line);
        progress->printed = now;
    }
    return !cli_interrupted();
}

void cli_progress_end(cli_progress *progress) {
    if (progress->width > 0) show(progress, "");
}

void cli_progress_hide(void) {
    if (on_screen != NULL) cli_progress_end(on_screen);
}
