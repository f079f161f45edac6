// Where a text that grows ends because of a stop string.
#ifndef RK_STOP_STRINGS_H
#define RK_STOP_STRINGS_H

#include <stdbool.h>

#include "rk/text.h"

// The stop string that is complete first in text[length], and not before its byte `from` is there:
// its number and where it begins. Of several that end with the same byte, the longest. False when
// there is none.
bool rk__find_stop(const char *text, size_t length, size_t from, const rk_text *stops,
                   size_t n_stops, size_t *stop, size_t *begin);

// Bytes at the end of the text that are the beginning, not the whole, of some stop string: as many
// as possible.
size_t rk__unfinished_stop(const char *text, size_t length, const rk_text *stops, size_t n_stops);

#endif
