// The texts to embed: one a line.
#ifndef EMBED_LINES_H
#define EMBED_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/text_file.h"

typedef struct text_line {
    const char *text; // borrowed from the cli_text
    size_t length;    // without the line's end, LF or CR LF
} text_line;

typedef struct text_lines {
    text_line *items; // [count]
    size_t count;
} text_lines;

// Splits a text; the last line needs no end. A line without text has no embedding: it is refused,
// with its number, and so is a text without lines. False after a message.
bool text_lines_split(text_lines *lines, const cli_text *text);
void text_lines_free(text_lines *lines);

#endif
