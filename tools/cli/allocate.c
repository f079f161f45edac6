// Memory for the programs.
#include "cli/allocate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/messages.h"

static _Noreturn void out_of_memory(void) {
    cli_complain("out of memory");
    exit(CLI_EXIT_FAILED);
}

void *cli_allocate(size_t count, size_t size) {
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) out_of_memory();
    return memory;
}

void *cli_reallocate(void *memory, size_t count, size_t size) {
    void *grown = reallocarray(memory, count == 0 ? 1 : count, size);
    if (grown == NULL) out_of_memory();
    return grown;
}

char *cli_copy(const char *text) {
    char *copy = strdup(text);
    if (copy == NULL) out_of_memory();
    return copy;
}

char *cli_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) out_of_memory();
    return text;
}

FILE *cli_memory_open(char **text, size_t *size) {
    FILE *stream = open_memstream(text, size);
    if (stream == NULL) out_of_memory();
    return stream;
}

void cli_memory_close(FILE *stream) {
    const int failed = ferror(stream);
    if (fclose(stream) != 0 || failed != 0) out_of_memory();
}
