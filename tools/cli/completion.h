// What a shell completes on a program's command line, made from its option table.
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"

// Prints the script for `shell`: bash, zsh or fish. False when it is none of them.
bool cli_completion_print(FILE *out, const cli_program *program, const char *shell);

#endif
