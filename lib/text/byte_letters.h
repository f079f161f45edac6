// The alphabet in which tokenizer.json files write bytes ("ByteLevel", from GPT-2): every byte is
// one printable character. Bytes that are printable in Latin-1 are themselves, the others count up
// from U+0100: a blank is U+0120.
#ifndef RK_BYTE_LETTERS_H
#define RK_BYTE_LETTERS_H

#include <stdbool.h>
#include <stddef.h>

// Turns letters (valid UTF-8) into the bytes they stand for: bytes[0 .. *n_bytes), at most as many
// as there are of the letters. False when a character is not of the alphabet.
bool rk__byte_letters_read(const char *letters, size_t length, char *bytes, size_t *n_bytes);

#endif
