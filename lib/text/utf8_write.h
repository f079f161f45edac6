// One character as UTF-8.
#ifndef RK_UTF8_WRITE_H
#define RK_UTF8_WRITE_H

#include <stddef.h>
#include <stdint.h>

enum { RK__UTF8_MOST = 4 };

// Writes the character to bytes[0 .. RK__UTF8_MOST) and returns how many they are; 0, and nothing
// written, for surrogates and numbers beyond U+10FFFF, which have no UTF-8.
size_t rk__utf8_write(char *bytes, uint32_t code_point);

#endif
