// A text file that appears under its name only when it is complete, as the library's own outputs
// do.
#ifndef CLI_TEXT_OUTPUT_H
#define CLI_TEXT_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

typedef struct cli_text_output {
    FILE *file;             // to be written to; errors are noticed by commit
    const char *name;       // as the user gave it; borrowed
    char *path, *temporary; // owned; NULL when a pipe or a device is written to as it comes
} cli_text_output;

// Creates the temporary file beside the target. False after a message.
bool cli_text_output_open(cli_text_output *output, const char *path);

// Flushes to disk and renames; false after a message, nothing is left then.
bool cli_text_output_commit(cli_text_output *output);

// Removes what has been written. Fine after commit.
void cli_text_output_abort(cli_text_output *output);

#endif
