// Python's literals '...', "...", b'...' and b"...", as the World vocabulary writes its tokens.
// They are read, never executed.
#ifndef RK_PYTHON_LITERAL_H
#define RK_PYTHON_LITERAL_H

#include <stddef.h>

typedef struct rk__python_literal {
    size_t length;       // of the literal, quotes included
    size_t n_bytes;      // that it stands for: at most as many; a str's are its UTF-8
    const char *problem; // what is wrong with it, as the end of a sentence; NULL: nothing
} rk__python_literal;

// Reads the literal that begins at text[0] and writes what it stands for to bytes[0 .. length).
rk__python_literal rk__python_literal_read(const char *text, size_t length, char *bytes);

#endif
