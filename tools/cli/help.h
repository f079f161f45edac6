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

// ---- parts that other pages are made of, too

// The program's name as it is installed: with the prefix, if there is one. Valid until the next
// call.
const char *cli_program_shown_name(const cli_program *program);

// The help of an option with its default. Release: free.
char *cli_option_help(const cli_row *row, const void *defaults);

// Prints the command of an example, through `print`.
void cli_example_print(FILE *out, const cli_program *program, const char *line,
                       void (*print)(FILE *out, const char *text));

extern const char cli_exit_statuses[];
const char *cli_program_exit_statuses(const cli_program *program);

#endif
