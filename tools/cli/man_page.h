// The manual page of a program, made from its option table.
#ifndef CLI_MAN_PAGE_H
#define CLI_MAN_PAGE_H

#include <stdio.h>

#include "cli/options.h"

// Prints the page in roff, for section 1. `defaults`: the settings of a command line without
// options.
void cli_man_page_print(FILE *out, const cli_program *program, const void *defaults);

#endif
