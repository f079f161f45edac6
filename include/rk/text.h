// A piece of text where several are passed: bytes with a length, zeros included.
#ifndef RK_TEXT_H
#define RK_TEXT_H

#include <stddef.h>

typedef struct rk_text {
    const char *bytes; // borrowed, not terminated
    size_t length;
} rk_text;

#endif
