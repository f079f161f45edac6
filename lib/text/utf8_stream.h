// Bytes in pieces of any size go in, the same bytes come out, cut only between UTF-8 characters:
// what tokens stand for may end inside one.
//
// Bytes that cannot begin a character, or cannot continue the one that was begun, are no reason to
// wait: they come out as they are, at once. Only the beginning of a well-formed character is held
// back, 3 bytes at most.
#ifndef RK_UTF8_STREAM_H
#define RK_UTF8_STREAM_H

#include <stdbool.h>
#include <stddef.h>

enum { RK__UTF8_HELD = 3 };

// All zeros is a new stream.
typedef struct rk__utf8_stream {
    char held[RK__UTF8_HELD];
    size_t n_held;
} rk__utf8_stream;

// Receives bytes that end where a character ends; length > 0. Returning false ends the stream.
typedef bool (*rk__utf8_emit_fn)(void *user, const char *bytes, size_t length);

// Takes `length` more bytes. False when emit was false: what had not come out yet is then lost.
bool rk__utf8_push(rk__utf8_stream *stream, const char *bytes, size_t length, rk__utf8_emit_fn emit,
                   void *user);

// There will be no more bytes: whatever is held comes out. Returns what emit did, or true.
bool rk__utf8_flush(rk__utf8_stream *stream, rk__utf8_emit_fn emit, void *user);

// Bytes at the end of a text that are the beginning of a character and not yet the whole of it: 0
// .. 3.
size_t rk__utf8_unfinished(const char *bytes, size_t length);

#endif
