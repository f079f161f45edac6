// Texts as JSON writes them; programs print some so that are no JSON otherwise.
#ifndef CLI_JSON_QUOTE_H
#define CLI_JSON_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

// A text that may contain zeros, and be cut anywhere, in quotes; bytes that are no UTF-8 become
// U+FFFD. Release: free. *exact (may be NULL) becomes false when bytes were replaced.
char *cli_json_quote(const char *text, size_t length, bool *exact);

#endif
