// Stop strings, by comparing at every place: texts here are a token longer than a stop string.
#include "generate/stop_strings.h"

#include <string.h>

// Is `stop` the end of text[length]?
static bool ends_with(const char *text, size_t length, const char *stop, size_t stop_length) {
    return stop_length <= length && memcmp(text + length - stop_length, stop, stop_length) == 0;
}

bool rk__find_stop(const char *text, size_t length, size_t from, const rk_text *stops,
                   size_t n_stops, size_t *stop, size_t *begin) {
    for (size_t end = from + 1; end <= length; end++) {
        bool found = false;
        for (size_t i = 0; i < n_stops; i++) {
            if (!ends_with(text, end, stops[i].bytes, stops[i].length)) continue;
            if (found && end - stops[i].length >= *begin) continue;
            found = true;
            *stop = i;
            *begin = end - stops[i].length;
        }
        if (found) return true;
    }
    return false;
}

size_t rk__unfinished_stop(const char *text, size_t length, const rk_text *stops, size_t n_stops) {
    size_t longest = 0;
    for (size_t i = 0; i < n_stops; i++) {
        size_t n = stops[i].length - 1 < length ? stops[i].length - 1 : length;
        while (n > longest && !ends_with(text, length, stops[i].bytes, n)) n--;
        if (n > longest) longest = n;
    }
    return longest;
}
