// Signal handlers. They do nothing but set a flag.
#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
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
