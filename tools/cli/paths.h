// Checks on the paths that a user gave.
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

#include <stdbool.h>

// The same name, two names of one existing file (through links too), or one name in one folder that
// was reached in two ways.
bool cli_same_file(const char *a, const char *b);

// Misuse when `output` is the same file as `input`.
void cli_require_distinct(const char *output, const char *input);

// Misuse when `input` is an address on the network: nothing is downloaded here, but it is said how.
void cli_require_file(const char *input);

bool cli_ends_with(const char *path, const char *ending);

// The part after the last slash.
const char *cli_base_name(const char *path);

#endif
