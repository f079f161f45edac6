// What a program says to its user when something is wrong: one line on stderr that begins with the
// program's name. And the exit codes that go with it.
#ifndef CLI_MESSAGES_H
#define CLI_MESSAGES_H

#include "rk/error.h"

enum {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_FAILED = 1,        // a file or a device is wrong
    CLI_EXIT_MISUSE = 2,        // the command line is wrong
    CLI_EXIT_GATE = 3,          // a limit that the user has set is not kept
    CLI_EXIT_INTERRUPTED = 130, // Ctrl-C or SIGTERM
};

// Prints "program: message". Control characters come out as '?', so that it stays one line.
__attribute__((format(printf, 1, 2))) void cli_complain(const char *format, ...);

// The message, a hint at --help, and exit 2. For use before any work has begun.
__attribute__((format(printf, 1, 2))) _Noreturn void cli_misuse(const char *format, ...);

// Reports the failure of a call into the library and returns the exit code for it. What the user
// cancelled needs no words.
int cli_failure(const rk_error *err);

// The same, for errors that do not name the file they are about.
int cli_failure_of(const char *path, const rk_error *err);

// From now on messages of this process, which others call `who`, are held back, and all but the
// first forgotten. The one that is held, if any, is printed as "program: who: message" when it is
// released, and when the program ends; or it is forgotten, too.
void cli_messages_hold(const char *who);
void cli_messages_release(void);
void cli_messages_forget(void);

#endif
