// Signals: the first asks, the second kills.
#include <criterion/criterion.h>

#include <signal.h>

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
