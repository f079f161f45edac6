// Decoding one character of UTF-8, strictly.
#include "base/utf8.h"

// Length and smallest code point of sequences, by the number of leading ones in the first byte.
static const struct {
    unsigned char mask, lead; // first & mask == lead
    unsigned char length;
    uint32_t least; // a smaller one would be overlong
} sequences[] = {
    {0x80, 0x00, 1, 0x0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
};

size_t rk__utf8_decode(uint32_t *code_point, const char *text, size_t left) {
    *code_point = 0;
    if (left == 0) return 0;
    const unsigned char first = (unsigned char)text[0];
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        if ((first & sequences[i].mask) != sequences[i].lead) continue;
        if (sequences[i].length > left) return 0;
        uint32_t code = first & (unsigned char)~sequences[i].mask;
        for (size_t k = 1; k < sequences[i].length; k++) {
            const unsigned char next = (unsigned char)text[k];
            if ((next & 0xc0) != 0x80) return 0;
            code = code << 6 | (next & 0x3f);
        }
        const int surrogate = code >= 0xd800 && code <= 0xdfff;
        if (code < sequences[i].least || surrogate || code > 0x10ffff) return 0;
        *code_point = code;
        return sequences[i].length;
    }
    return 0;
}
