// Messages on stderr and exit codes.
#include "cli/messages.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress_line.h"

enum { LINE = 1024 };
static char holder[128]; // who holds messages back; "": nobody
static char held[LINE];  // "": nothing

static void print_line(const char *format, va_list arguments) {
    char line[LINE];
    vsnprintf(line, sizeof line, format, arguments);
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    }
    if (holder[0] != '\0') {
        if (held[0] == '\0') memcpy(held, line, sizeof held);
        return;
    }
    cli_progress_hide();
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
}

void cli_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

void cli_misuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
    // The hint in argp's words, so that all misuse reads the same.
    static const struct argp nothing;
    argp_help(&nothing, stderr, ARGP_HELP_SEE, program_invocation_short_name);
    exit(CLI_EXIT_MISUSE);
}

int cli_failure(const rk_error *err) {
    if (err->code == RK_ERR_CANCELLED) return CLI_EXIT_INTERRUPTED;
    cli_complain("%s", err->message);
    return CLI_EXIT_FAILED;
}

int cli_failure_of(const char *path, const rk_error *err) {
    if (err->code == RK_ERR_CANCELLED) return CLI_EXIT_INTERRUPTED;
    cli_complain("%s: %s", path, err->message);
    return CLI_EXIT_FAILED;
}

void cli_messages_hold(const char *who) {
    snprintf(holder, sizeof holder, "%s", who);
    atexit(cli_messages_release);
}

void cli_messages_release(void) {
    if (held[0] == '\0') return;
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, holder, held);
    held[0] = '\0';
}

void cli_messages_forget(void) {
    held[0] = '\0';
}
