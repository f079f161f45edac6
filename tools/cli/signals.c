// Signal handlers. They do nothing but set a flag, or write(2) a prepared line and leave.
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/messages.h"

static volatile sig_atomic_t interrupted;
static char cut_message[1024]; // written before the handler can run
static size_t cut_length;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static void on_bus_error(int signal_number) {
    (void)signal_number;
    const ssize_t written = write(STDERR_FILENO, cut_message, cut_length);
    (void)written;
    _exit(CLI_EXIT_FAILED);
}

static void handle(int signal_number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_flags = flags};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

// Whoever started us with a signal ignored (nohup, a script's background job) wants it to stay so.
static bool is_ignored(int signal_number) {
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void cli_signals_begin(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        // SA_RESETHAND: the second one meets the default action.
        if (!is_ignored(signals[i]))
            handle(signals[i], on_interrupt, (int)(SA_RESTART | SA_RESETHAND));
    }
}

bool cli_interrupted(void) {
    return interrupted != 0;
}

void cli_signals_guard_file(const char *path) {
    handle(SIGBUS, SIG_DFL, 0);
    if (path == NULL) return;
    const int length = snprintf(cut_message, sizeof cut_message,
                                "%s: %.900s: cut short or unreadable while it was in use\n",
                                program_invocation_short_name, path);
    cut_length = length < (int)sizeof cut_message ? (size_t)length : sizeof cut_message - 1;
    handle(SIGBUS, on_bus_error, (int)SA_RESETHAND);
}
