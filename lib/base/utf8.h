// UTF-8: the next character of a text nobody vouches for.
#ifndef RK_BASE_UTF8_H
#define RK_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

// Bytes of the character that begins at text[0], of which `left` bytes are there; *code_point gets
// its number. 0 when they begin none: broken, cut off, overlong, a surrogate, or beyond U+10FFFF.
size_t rk__utf8_decode(uint32_t *code_point, const char *text, size_t left);

#endif
