// Texts in JSON's quotes.
#include "cli/json_quote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/utf8_text.h"

// Writes one character, or the replacement of one byte that belongs to none, and counts the bytes
// read. Returns behind what it wrote, 6 bytes at most.
static char *quote_one(char *at, const char *text, size_t *n_read, bool *exact) {
    const unsigned char c = (unsigned char)*text;
    *n_read = 1;
    if (c == '"' || c == '\\') {
        *at++ = '\\';
        *at++ = *text;
        return at;
    }
    if (c == '\n') return stpcpy(at, "\\n");
    if (c < 0x20 || c == 0x7f) return at + sprintf(at, "\\u%04x", c);
    const size_t n = cli_utf8_character(text);
    if (n == 0) {
        *exact = false;
        return stpcpy(at, "\xef\xbf\xbd");
    }
    memcpy(at, text, n);
    *n_read = n;
    return at + n;
}

char *cli_json_quote(const char *text, size_t length, bool *exact) {
    bool is_exact = true;
    char *copy =
        cli_allocate(length + 1, 1); // terminated, so that no character goes beyond its end
    char *quoted = cli_allocate(6 * length + 3, 1);
    char *at = quoted;
    if (length > 0) memcpy(copy, text, length);
    *at++ = '"';
    for (size_t i = 0, n_read; i < length; i += n_read) {
        at = quote_one(at, copy + i, &n_read, &is_exact);
    }
    *at++ = '"';
    *at = '\0';
    free(copy);
    if (exact != NULL) *exact = is_exact;
    return quoted;
}
