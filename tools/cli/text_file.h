// Texts that programs read: prompts, texts to measure, texts to embed.
#ifndef CLI_TEXT_FILE_H
#define CLI_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_text {
    char *data; // owned; a zero follows the last byte
    size_t size;
    const char *name; // of the file, for messages; borrowed
} cli_text;

// Reads a whole file; "-" is standard input. False after a message.
bool cli_text_read(cli_text *text, const char *path);
void cli_text_free(cli_text *text);

#endif
