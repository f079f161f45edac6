// Signals: the first asks, the second kills.
#include <criterion/criterion.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "cli/signals.h"

Test(signals, the_first_interrupt_asks) {
    cli_signals_begin();
    cr_assert_not(cli_interrupted());
    raise(SIGINT);
    cr_assert(cli_interrupted());
}

Test(signals, the_second_interrupt_kills, .signal = SIGINT) {
    cli_signals_begin();
    raise(SIGINT);
    raise(SIGINT);
}

Test(signals, being_terminated_asks_too) {
    cli_signals_begin();
    raise(SIGTERM);
    cr_assert(cli_interrupted());
}

Test(signals, in_a_conversation_ctrl_c_may_come_often) {
    cli_signals_begin();
    cli_signals_converse();
    for (int i = 0; i < 3; i++) {
        raise(SIGINT);
        raise(SIGINT);
        cr_assert(cli_interrupted());
        cr_assert_not(cli_terminated());
        cli_interrupt_forget();
        cr_assert_not(cli_interrupted());
    }
    raise(SIGTERM);
    cli_interrupt_forget();
    cr_assert(cli_interrupted());
    cr_assert(cli_terminated());
}

Test(signals, in_a_conversation_the_second_termination_kills, .signal = SIGTERM) {
    cli_signals_begin();
    cli_signals_converse();
    raise(SIGTERM);
    raise(SIGTERM);
}

Test(signals, waiting_ends_for_signals_and_for_input) {
    cli_signals_begin();
    cli_signals_converse();
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    raise(SIGWINCH);
    cr_assert_eq(cli_wait_for_input(ends[0]), CLI_WAIT_SCREEN);
    raise(SIGINT);
    cr_assert_eq(cli_wait_for_input(ends[0]), CLI_WAIT_INTERRUPTED);
    cli_interrupt_forget();
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_assert_eq(cli_wait_for_input(ends[0]), CLI_WAIT_INPUT);
    cr_assert_eq(read(ends[0], &(char){0}, 1), 1);
    // A signal that comes while it waits.
    const pid_t parent = getpid(), child = fork();
    if (child == 0) {
        struct timespec soon = {.tv_nsec = 20000000};
        for (int i = 0; i < 200; i++) {
            nanosleep(&soon, NULL);
            kill(parent, SIGCONT);
        }
        _exit(0);
    }
    cr_assert_eq(cli_wait_for_input(ends[0]), CLI_WAIT_SCREEN);
    kill(child, SIGKILL);
    close(ends[1]);
    cli_wait end;
    while ((end = cli_wait_for_input(ends[0])) == CLI_WAIT_SCREEN) continue;
    cr_assert_eq(end, CLI_WAIT_INPUT);
}

Test(signals, what_was_ignored_stays_ignored) {
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    cli_signals_begin();
    raise(SIGINT);
    raise(SIGHUP);
    cr_assert_not(cli_interrupted());
    raise(SIGTERM);
    cr_assert(cli_interrupted());
}
