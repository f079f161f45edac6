// UTF-8 in what programs print.
#ifndef CLI_UTF8_TEXT_H
#define CLI_UTF8_TEXT_H

#include <stddef.h>

// Bytes of the well-formed character (Unicode 15, table 3-7) at the start of a terminated text; 0
// when there is none, the end included.
size_t cli_utf8_character(const char *text);

// A copy in which each byte that belongs to no character is U+FFFD. Release: free.
char *cli_utf8_repair(const char *text);

// Characters of a text, a stray byte counting as one: its width in a table.
size_t cli_utf8_width(const char *text);

#endif
