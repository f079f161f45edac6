// stdin, stdout and stderr as programs can rely on them.
#ifndef CLI_STANDARD_STREAMS_H
#define CLI_STANDARD_STREAMS_H

#include <stdbool.h>
#include <stddef.h>

// First call of every program: descriptors 0, 1 and 2 are open afterwards, so that no output file
// can become one of them and receive what is printed.
void cli_start(void);

// Writes to stdout at once, past its buffer. False after a failure, which cli_finish reports.
bool cli_write_now(const char *text, size_t length);

// Last call of every program: flushes stdout and returns the exit code, which a failed write (a
// full disk) turns into CLI_EXIT_FAILED with a message. A reader that went away needs no words.
int cli_finish(int exit_code);

#endif
