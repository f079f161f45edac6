// Signal handlers. They do nothing but set a flag.
#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t interrupted, terminated, screen_changed;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static void on_termination(int signal_number) {
    (void)signal_number;
    terminated = 1;
}

static void on_screen_change(int signal_number) {
    (void)signal_number;
    screen_changed = 1;
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

void cli_signals_converse(void) {
    if (!is_ignored(SIGINT)) handle(SIGINT, on_interrupt, (int)SA_RESTART);
    static const int endings[] = {SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (!is_ignored(endings[i]))
            handle(endings[i], on_termination, (int)(SA_RESTART | SA_RESETHAND));
    }
    handle(SIGWINCH, on_screen_change, (int)SA_RESTART);
    handle(SIGCONT, on_screen_change, (int)SA_RESTART);
}

bool cli_interrupted(void) {
    return interrupted != 0 || terminated != 0;
}

bool cli_terminated(void) {
    return terminated != 0;
}

void cli_interrupt_forget(void) {
    interrupted = 0;
}

// With all signals blocked, so that none comes between looking at the flags and going to sleep.
static cli_wait wait_blocked(int fd, const sigset_t *unblocked) {
    for (;;) {
        if (cli_interrupted()) return CLI_WAIT_INTERRUPTED;
        if (screen_changed != 0) {
            screen_changed = 0;
            return CLI_WAIT_SCREEN;
        }
        struct pollfd input = {.fd = fd, .events = POLLIN};
        // What is wrong with the descriptor is for read() to report.
        if (ppoll(&input, 1, NULL, unblocked) != -1 || errno != EINTR) return CLI_WAIT_INPUT;
    }
}

cli_wait cli_wait_for_input(int fd) {
    sigset_t all, unblocked;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &unblocked);
    const cli_wait result = wait_blocked(fd, &unblocked);
    pthread_sigmask(SIG_SETMASK, &unblocked, NULL);
    return result;
}
