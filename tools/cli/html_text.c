// Escaping for HTML.
#include "cli/html_text.h"

#include "cli/utf8_text.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd"; // U+FFFD

// What stands for an ASCII character, or NULL: itself.
static const char *substitute(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
    case '\r':
        return " ";
    default:
        return (unsigned char)c < 0x20 || c == 0x7f ? REPLACEMENT : NULL;
    }
}

void cli_html_write(FILE *out, const char *text) {
    while (*text != '\0') {
        const size_t length = cli_utf8_character(text);
        const char *other = length == 0 ? REPLACEMENT : length == 1 ? substitute(*text) : NULL;
        if (other != NULL) {
            fputs(other, out);
        } else {
            fwrite(text, 1, length, out);
        }
        text += length > 0 ? length : 1;
    }
}
