// UTF-8 in what programs print.
#include "cli/utf8_text.h"

#include <string.h>

#include "cli/allocate.h"

// Length of the character that `lead` begins, and the range of its second byte; 0: it begins none.
static size_t lead_length(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0) *low = 0xa0;  // shorter forms exist
        if (lead == 0xed) *high = 0x9f; // surrogates
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0) *low = 0x90;
        if (lead == 0xf4) *high = 0x8f; // beyond U+10FFFF
        return 4;
    }
    return 0;
}

size_t cli_utf8_character(const char *text) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (bytes[0] == 0) return 0;
    unsigned char low, high;
    const size_t length = lead_length(bytes[0], &low, &high);
    if (length >= 2 && (bytes[1] < low || bytes[1] > high)) return 0;
    for (size_t i = 2; i < length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xbf) return 0;
    }
    return length;
}

char *cli_utf8_repair(const char *text) {
    static const char replacement[] = "\xef\xbf\xbd";
    char *out = cli_allocate(3 * strlen(text) + 1, 1);
    char *end = out;
    while (*text != '\0') {
        const size_t length = cli_utf8_character(text);
        memcpy(end, length > 0 ? text : replacement, length > 0 ? length : 3);
        end += length > 0 ? length : 3;
        text += length > 0 ? length : 1;
    }
    return out;
}

size_t cli_utf8_width(const char *text) {
    size_t width = 0;
    while (*text != '\0') {
        const size_t length = cli_utf8_character(text);
        text += length > 0 ? length : 1;
        width++;
    }
    return width;
}
