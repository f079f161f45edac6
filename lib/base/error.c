// Status codes, and messages made from data that nobody vouches for.
#include "base/error_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char *const status_names[] = {
#define STATUS_NAME(name, text) #name,
    RK_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
};

static const char *const status_texts[] = {
#define STATUS_TEXT(name, text) text,
    RK_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
};

enum { N_STATUS = sizeof status_names / sizeof status_names[0] };

static bool is_status(rk_status status) {
    return (unsigned)status < N_STATUS;
}

const char *rk_status_name(rk_status status) {
    return is_status(status) ? status_names[status] : "ERR_UNKNOWN";
}

const char *rk_status_text(rk_status status) {
    return is_status(status) ? status_texts[status] : "unknown error";
}

// Would this character change how a terminal or a log shows the line: controls, line separators,
// invisible and direction-changing characters?
static bool is_printable(uint32_t code) {
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
    if (code >= 0x200b && code <= 0x200f) return false;
    if (code >= 0x2028 && code <= 0x202e) return false;
    if (code >= 0x2060 && code <= 0x206f) return false;
    if (code == 0xfeff || (code & 0xfffe) == 0xfffe) return false;
    return code < 0xe0000;
}

// Replaces every byte of `text` that belongs to no printable character.
static void clean(char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        uint32_t code;
        const size_t bytes = rk__utf8_decode(&code, text + i, length - i);
        if (bytes > 0 && is_printable(code)) {
            i += bytes;
        } else {
            text[i++] = '?';
        }
    }
}

// The largest cut <= limit that splits no character of text.
static size_t character_boundary(const char *text, size_t limit) {
    size_t cut = limit;
    while (cut > 0 && limit - cut < 4 && ((unsigned char)text[cut] & 0xc0) == 0x80) cut--;
    // Four continuation bytes in a row are no UTF-8: any place is as good.
    return limit - cut < 4 ? cut : limit;
}

// Formats into text[0 .. capacity), cut with "..." where it does not fit; returns the length.
static size_t format_text(char *text, size_t capacity, const char *format, va_list arguments) {
    static const char ellipsis[] = "...";
    const int wanted = vsnprintf(text, capacity, format, arguments);
    if (wanted < 0) {
        text[0] = '\0';
        return 0;
    }
    size_t length = (size_t)wanted;
    if (length >= capacity) {
        length = character_boundary(text, capacity - sizeof ellipsis);
        memcpy(text + length, ellipsis, sizeof ellipsis);
        length += sizeof ellipsis - 1;
    }
    clean(text, length);
    return length;
}

rk_status rk__fail(rk_error *err, rk_status status, const char *format, ...) {
    if (!err) return status;
    err->code = status;
    err->system_errno = 0;
    va_list arguments;
    va_start(arguments, format);
    format_text(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return status;
}

rk_status rk__fail_errno(rk_error *err, int system_errno, const char *format, ...) {
    const rk_status status = system_errno == ENOMEM ? RK_ERR_MEMORY : RK_ERR_IO;
    if (!err) return status;
    err->code = status;
    err->system_errno = system_errno;

    char buffer[128];
    const char *reason = strerror_r(system_errno, buffer, sizeof buffer);
    // The reason is what must not be cut off.
    const size_t reserved = strnlen(reason, sizeof buffer) + 2;
    va_list arguments;
    va_start(arguments, format);
    const size_t length =
        format_text(err->message, sizeof err->message - reserved, format, arguments);
    va_end(arguments);
    snprintf(err->message + length, sizeof err->message - length, ": %.*s", (int)(reserved - 2),
             reason);
    return status;
}

rk_status rk__fail_memory(rk_error *err, size_t bytes) {
    return rk__fail(err, RK_ERR_MEMORY, "out of memory: %zu bytes wanted", bytes);
}
