// Backslash escapes.
#include "cli/escapes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Exactly n hexadecimal digits.
static bool read_hexadecimal(uint32_t *value, const char *text, size_t n) {
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        const int digit = digit_of(text[i]); // -1 for the end, too
        if (digit < 0) return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    return true;
}

// Writes a character that is no surrogate; returns behind it.
static char *write_utf8(char *at, uint32_t code) {
    if (code < 0x80) {
        *at++ = (char)code;
        return at;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *at++ = (char)(0xff << (7 - more) | (int)(code >> (6 * more)));
    for (int i = more - 1; i >= 0; i--) *at++ = (char)(0x80 | (code >> (6 * i) & 0x3f));
    return at;
}

// The escape whose letter is at text[0]. Returns behind what it wrote; NULL when it is none.
static char *write_escape(char *at, const char *text, size_t *n_read) {
    static const char letters[] = "nrt\"'\\", meanings[] = "\n\r\t\"'\\";
    const char *letter = text[0] != '\0' ? strchr(letters, text[0]) : NULL;
    *n_read = 1;
    if (letter != NULL) {
        *at++ = meanings[letter - letters];
        return at;
    }
    const size_t n_digits = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
    uint32_t code;
    if (n_digits == 0 || !read_hexadecimal(&code, text + 1, n_digits) || code == 0) return NULL;
    *n_read = 1 + n_digits;
    if (text[0] == 'x') {
        *at++ = (char)code;
        return at;
    }
    const bool is_character = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return is_character ? write_utf8(at, code) : NULL;
}

char *cli_unescape(const char *text, char reason[CLI_REASON]) {
    char *out = cli_allocate(strlen(text) + 1, 1); // no escape is shorter than what it stands for
    char *at = out;
    while (*text != '\0') {
        if (*text != '\\') {
            *at++ = *text++;
            continue;
        }
        size_t n_read;
        at = write_escape(at, text + 1, &n_read);
        if (at == NULL) {
            snprintf(reason, CLI_REASON, "unknown escape '%.10s'", text);
            free(out);
            return NULL;
        }
        text += 1 + n_read;
    }
    return out;
}
