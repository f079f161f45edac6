// Cutting a stream of bytes between UTF-8 characters.
//
// Nothing is ever changed, so the whole question is how many bytes at the end have to wait: those
// that are a proper beginning of a well-formed character. A lead byte never continues an earlier
// character, hence looking back from the end finds the same beginning as reading from the start
// would.
#include "text/utf8_stream.h"

#include <string.h>

// Bytes of the character that begins with `lead`: 2 .. 4, or 0 for ASCII, for bytes that only
// continue one (0x80 .. 0xbf) and for those that occur in none (0xc0 and 0xc1 would be overlong,
// 0xf5 and later beyond U+10FFFF).
static size_t sequence_length(unsigned char lead) {
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

// May `next` be the second byte after `lead`? The range is narrower where a part of it would be
// overlong (e0, f0), a surrogate (ed) or beyond U+10FFFF (f4).
static bool is_second(unsigned char lead, unsigned char next) {
    const unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return next >= least && next <= most;
}

static bool is_continuation(unsigned char byte) {
    return (byte & 0xc0) == 0x80;
}

// Are these n (1 .. 3) bytes, of which all but the first are continuations, the beginning of a
// character that is longer than n?
static bool is_beginning(const unsigned char *bytes, size_t n) {
    if (n >= sequence_length(bytes[0])) return false;
    return n == 1 || is_second(bytes[0], bytes[1]);
}

size_t rk__utf8_unfinished(const char *bytes, size_t length) {
    const unsigned char *end = (const unsigned char *)bytes + length;
    for (size_t n = 1; n <= RK__UTF8_HELD && n <= length; n++) {
        if (!is_continuation(end[-(ptrdiff_t)n])) return is_beginning(end - n, n) ? n : 0;
    }
    return 0;
}

static void hold(rk__utf8_stream *stream, const char *bytes, size_t length) {
    memcpy(stream->held, bytes, length);
    stream->n_held = length;
}

// Puts one byte behind those that are held. What comes out is together in one piece: a whole
// character, or one that will never be.
static bool push_behind_held(rk__utf8_stream *stream, char byte, rk__utf8_emit_fn emit,
                             void *user) {
    char joined[RK__UTF8_HELD + 1];
    const size_t n_joined = stream->n_held + 1;
    memcpy(joined, stream->held, stream->n_held);
    joined[stream->n_held] = byte;

    const size_t waiting = rk__utf8_unfinished(joined, n_joined);
    const size_t ready = n_joined - waiting;
    hold(stream, joined + ready, waiting);
    return ready == 0 || emit(user, joined, ready);
}

bool rk__utf8_push(rk__utf8_stream *stream, const char *bytes, size_t length, rk__utf8_emit_fn emit,
                   void *user) {
    for (; stream->n_held > 0 && length > 0; bytes++, length--) {
        if (!push_behind_held(stream, *bytes, emit, user)) return false;
    }
    if (length == 0) return true;

    const size_t waiting = rk__utf8_unfinished(bytes, length);
    const size_t ready = length - waiting;
    hold(stream, bytes + ready, waiting);
    return ready == 0 || emit(user, bytes, ready);
}

bool rk__utf8_flush(rk__utf8_stream *stream, rk__utf8_emit_fn emit, void *user) {
    const size_t n_held = stream->n_held;
    stream->n_held = 0;
    return n_held == 0 || emit(user, stream->held, n_held);
}
