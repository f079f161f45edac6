// Numbers as people type them, read strictly: the whole text, decimal, in range.
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

// Digits only: no sign, no blanks, no unit.
bool cli_read_size(size_t *out, const char *text);

// A finite decimal number; no blanks, no hexadecimal form.
bool cli_read_number(double *out, const char *text);

#endif
