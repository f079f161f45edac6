// Normalization form C through utf8proc's character properties.
//
// Most text is in form C. So only the stretches between two stable characters (rk__nfc_table) that
// have an unstable one inside are decomposed, ordered and composed; the rest is copied, or not even
// that. Ordering marks is ours, because utf8proc's way takes quadratic time for long runs.
#include "text/nfc.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "text/utf8_write.h"

enum { LONGEST_DECOMPOSITION = 8 }; // characters; Unicode's has 4

static const utf8proc_option_t form_c = UTF8PROC_STABLE | UTF8PROC_COMPOSE;

static void mark_unstable(rk__nfc_table *table, int32_t code) {
    if (code >= 0 && code < RK__NFC_KNOWN) {
        table->unstable[code / 8] |= (uint8_t)(1U << (code % 8));
    }
}

static bool is_stable(const rk__nfc_table *table, uint32_t code) {
    return code < RK__NFC_KNOWN && !(table->unstable[code / 8] & 1U << (code % 8));
}

static bool is_surrogate(int32_t code) {
    return code >= 0xd800 && code <= 0xdfff;
}

static uint32_t combining_class(int32_t code) {
    return (uint32_t)utf8proc_get_property(code)->combining_class;
}

static size_t decompose(int32_t *out, int32_t code) {
    int boundary = UTF8PROC_BOUNDCLASS_START;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char(code, out, LONGEST_DECOMPOSITION, form_c, &boundary);
    assert(n > 0 && n <= LONGEST_DECOMPOSITION);
    return (size_t)n;
}

// What decomposes into something that composes backwards does so, too.
static void mark_led_by_unstable(rk__nfc_table *table) {
    for (int32_t code = 0x80; code < RK__NFC_KNOWN; code++) {
        if (is_surrogate(code)) continue;
        int32_t parts[LONGEST_DECOMPOSITION];
        decompose(parts, code);
        if (!is_stable(table, (uint32_t)parts[0])) mark_unstable(table, code);
    }
}

void rk__nfc_table_init(rk__nfc_table *table) {
    *table = (rk__nfc_table){0};
    for (int32_t code = 0x80; code < RK__NFC_KNOWN; code++) {
        if (is_surrogate(code)) continue;
        int32_t parts[LONGEST_DECOMPOSITION];
        const size_t n = decompose(parts, code);
        // What comes second in a decomposition can compose with what stands before it.
        for (size_t i = 1; i < n; i++) mark_unstable(table, parts[i]);
        if (combining_class(code) != 0) mark_unstable(table, code);
        if (n == 1 && parts[0] == code) continue;
        if (utf8proc_normalize_utf32(parts, (utf8proc_ssize_t)n, form_c) != 1 || parts[0] != code) {
            mark_unstable(table, code);
        }
    }
    mark_led_by_unstable(table);
}

void rk__nfc_buffer_fini(rk__nfc_buffer *buffer) {
    rk__free(buffer->text);
    rk__free(buffer->codes);
    rk__free(buffer->marks);
    *buffer = (rk__nfc_buffer){0};
}

static int compare_marks(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// A mark as a number that sorts by class, then by place among its neighbours.
//
//     63       56 55                    21 20            0
//     +----------+------------------------+---------------+
//     |  class   |         place          |   character   |
//     +----------+------------------------+---------------+
static uint64_t pack_mark(int32_t code, size_t place) {
    return (uint64_t)combining_class(code) << 56 | (uint64_t)place << 21 | (uint64_t)code;
}

// Brings n > 1 marks that follow one another into canonical order.
static rk_status order_marks(rk__nfc_buffer *buffer, int32_t *codes, size_t n, rk_error *err) {
    void *memory = buffer->marks;
    RK_TRY(rk__grow(&memory, &buffer->marks_capacity, n, sizeof *buffer->marks, err));
    buffer->marks = memory;
    for (size_t i = 0; i < n; i++) buffer->marks[i] = pack_mark(codes[i], i);
    qsort(buffer->marks, n, sizeof *buffer->marks, compare_marks);
    for (size_t i = 0; i < n; i++) codes[i] = (int32_t)(buffer->marks[i] & 0x1fffff);
    return RK_OK;
}

static rk_status order_all_marks(rk__nfc_buffer *buffer, size_t n, rk_error *err) {
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && combining_class(buffer->codes[end]) != 0) end++;
        if (end - i > 1) RK_TRY(order_marks(buffer, buffer->codes + i, end - i, err));
        i = end > i ? end : i + 1;
    }
    return RK_OK;
}

// The decomposition of the whole text; *n is its number of characters.
static rk_status decompose_text(rk__nfc_buffer *buffer, const char *text, size_t length, size_t *n,
                                rk_error *err) {
    *n = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code;
        at += rk__utf8_decode(&code, text + at, length - at);
        void *memory = buffer->codes;
        RK_TRY(rk__grow(&memory, &buffer->codes_capacity, *n + LONGEST_DECOMPOSITION,
                        sizeof *buffer->codes, err));
        buffer->codes = memory;
        *n += decompose(buffer->codes + *n, (int32_t)code);
    }
    return RK_OK;
}

static rk_status reserve_text(rk__nfc_buffer *buffer, size_t needed, rk_error *err) {
    void *memory = buffer->text;
    RK_TRY(rk__grow(&memory, &buffer->text_capacity, needed, 1, err));
    buffer->text = memory;
    return RK_OK;
}

static rk_status append_bytes(rk__nfc_buffer *buffer, size_t *used, const char *bytes,
                              size_t length, rk_error *err) {
    if (length == 0) return RK_OK;
    RK_TRY(reserve_text(buffer, *used + length, err));
    memcpy(buffer->text + *used, bytes, length);
    *used += length;
    return RK_OK;
}

// Appends the form C of a stretch.
static rk_status append_normalized(rk__nfc_buffer *buffer, size_t *used, const char *text,
                                   size_t length, rk_error *err) {
    size_t n;
    RK_TRY(decompose_text(buffer, text, length, &n, err));
    RK_TRY(order_all_marks(buffer, n, err));
    const utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(buffer->codes, (utf8proc_ssize_t)n, form_c);
    assert(composed > 0 && (size_t)composed <= n);
    RK_TRY(reserve_text(buffer, *used + (size_t)composed * RK__UTF8_MOST, err));
    for (size_t i = 0; i < (size_t)composed; i++) {
        *used += rk__utf8_write(buffer->text + *used, (uint32_t)buffer->codes[i]);
    }
    return RK_OK;
}

// A part of the text that has to be normalized together: from a stable character (or the
// beginning) to the next one behind an unstable one.
typedef struct stretch {
    size_t begin, end;
} stretch;

// The first stretch from `from` on; false when there is none.
static bool find_stretch(const rk__nfc_table *table, const char *text, size_t length, size_t from,
                         stretch *out) {
    size_t last_stable = from;
    bool found = false;
    for (size_t at = from; at < length;) {
        uint32_t code = (unsigned char)text[at];
        const size_t n = code < 0x80 ? 1 : rk__utf8_decode(&code, text + at, length - at);
        assert(n > 0);
        if (!is_stable(table, code)) {
            if (!found) out->begin = last_stable;
            found = true;
        } else if (found) {
            out->end = at;
            return true;
        } else {
            last_stable = at;
        }
        at += n;
    }
    out->end = length;
    return found;
}

rk_status rk__nfc_normalize(const rk__nfc_table *table, rk__nfc_buffer *buffer, const char **text,
                            size_t *length, rk_error *err) {
    stretch s;
    size_t copied = 0, used = 0;
    while (find_stretch(table, *text, *length, copied, &s)) {
        RK_TRY(append_bytes(buffer, &used, *text + copied, s.begin - copied, err));
        RK_TRY(append_normalized(buffer, &used, *text + s.begin, s.end - s.begin, err));
        copied = s.end;
    }
    if (copied == 0) return RK_OK;
    RK_TRY(append_bytes(buffer, &used, *text + copied, *length - copied, err));
    *text = buffer->text;
    *length = used;
    return RK_OK;
}
