// Reading bytes that are written as printable characters.
#include "text/byte_letters.h"

#include <stdint.h>

#include "base/utf8.h"

// Ranges of bytes that are not printable in Latin-1; their letters follow one another.
static const struct {
    unsigned char first, last;
} unprintable[] = {{0x00, 0x20}, {0x7f, 0xa0}, {0xad, 0xad}};

enum { N_RANGES = sizeof unprintable / sizeof unprintable[0], FIRST_LETTER = 0x100 };

// -1: no letter.
static int byte_of(uint32_t code) {
    uint32_t letter = FIRST_LETTER;
    for (size_t i = 0; i < N_RANGES; i++) {
        const uint32_t first = unprintable[i].first, last = unprintable[i].last;
        if (code >= first && code <= last) return -1;
        if (code >= letter && code <= letter + (last - first)) return (int)(first + code - letter);
        letter += last - first + 1;
    }
    return code < FIRST_LETTER ? (int)code : -1;
}

bool rk__byte_letters_read(const char *letters, size_t length, char *bytes, size_t *n_bytes) {
    *n_bytes = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code;
        const size_t n = rk__utf8_decode(&code, letters + at, length - at);
        const int byte = n > 0 ? byte_of(code) : -1;
        if (byte < 0) return false;
        bytes[(*n_bytes)++] = (char)byte;
        at += n;
    }
    return true;
}
