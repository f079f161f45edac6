// Memory for the programs: either there is some, or the program ends with one line and exit 1.
#ifndef CLI_ALLOCATE_H
#define CLI_ALLOCATE_H

#include <stddef.h>
#include <stdio.h>

// Zeroed memory for `count` elements of `size` bytes; never NULL. Release: free.
void *cli_allocate(size_t count, size_t size);

// Makes room for `count` elements, keeping what is there; the new part is not zeroed.
void *cli_reallocate(void *memory, size_t count, size_t size);

// A text of its own. Release: free.
char *cli_copy(const char *text);
__attribute__((format(printf, 1, 2))) char *cli_format(const char *format, ...);

// A stream that is written into memory; never NULL. *text and *size are set when it is closed.
// Release: free, of the text.
FILE *cli_memory_open(char **text, size_t *size);
void cli_memory_close(FILE *stream);

#endif
