// Ctrl-C, SIGTERM, and files that shrink while they are mapped.
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

// From now on the first Ctrl-C, SIGTERM or SIGHUP only sets a flag, so that the job can end in
// order; a second one kills. Called when everything that waits for the user has been read.
void cli_signals_begin(void);

// Has the user asked to stop?
bool cli_interrupted(void);

// ---- programs that talk with their user

// From now on Ctrl-C, however often it comes, is about what is going on at the moment;
// cli_interrupt_forget when that has been stopped. SIGTERM and SIGHUP still mean the program, and
// the second one kills.
void cli_signals_converse(void);
void cli_interrupt_forget(void);

// Is it the program that is to end?
bool cli_terminated(void);

typedef enum cli_wait {
    CLI_WAIT_INPUT,       // there is something to read, or the end
    CLI_WAIT_INTERRUPTED, // cli_interrupted
    CLI_WAIT_SCREEN,      // after cli_signals_converse: the terminal has another size, or the
                          // program was stopped and goes on
} cli_wait;

// Waits until one of them is true. A signal that has come before counts.
cli_wait cli_wait_for_input(int fd);

#endif
