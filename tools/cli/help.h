// The texts of --help, --usage and --version.
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/options.h"

// Usage, description, options and examples, at most 80 columns wide. `defaults`: the settings of a
// command line without options.
void cli_help_print(FILE *out, const cli_program *program, const void *defaults);

void cli_usage_print(FILE *out, const cli_program *program);
void cli_version_print(FILE *out, const cli_program *program);

#endif
