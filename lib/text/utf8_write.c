// One character as UTF-8.
#include "text/utf8_write.h"

// A continuation byte with the six bits from `shift` on.
static char continuation(uint32_t code_point, int shift) {
    return (char)(0x80 | (code_point >> shift & 0x3f));
}

size_t rk__utf8_write(char *bytes, uint32_t code_point) {
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        bytes[0] = (char)(0xc0 | code_point >> 6);
        bytes[1] = continuation(code_point, 0);
        return 2;
    }
    if (code_point >= 0xd800 && code_point <= 0xdfff) return 0;
    if (code_point < 0x10000) {
        bytes[0] = (char)(0xe0 | code_point >> 12);
        bytes[1] = continuation(code_point, 6);
        bytes[2] = continuation(code_point, 0);
        return 3;
    }
    if (code_point > 0x10ffff) return 0;
    bytes[0] = (char)(0xf0 | code_point >> 18);
    bytes[1] = continuation(code_point, 12);
    bytes[2] = continuation(code_point, 6);
    bytes[3] = continuation(code_point, 0);
    return 4;
}
