// Ctrl-C, SIGTERM, and files that shrink while they are mapped.
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

// From now on the first Ctrl-C, SIGTERM or SIGHUP only sets a flag, so that the job can end in
// order; a second one kills. Called when everything that waits for the user has been read.
void cli_signals_begin(void);

// Has the user asked to stop?
bool cli_interrupted(void);

#endif
