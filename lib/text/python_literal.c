// Python's str and bytes literals on one line, with all their escapes but \N{name}.
#include "text/python_literal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "text/utf8_write.h"

typedef struct reader {
    const char *text, *end;
    char *out; // the next byte to write
    bool is_bytes;
    const char *problem;
} reader;

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Exactly n digits.
static uint32_t read_hex(reader *r, size_t n) {
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        const int digit = r->text < r->end ? hex_digit(*r->text) : -1;
        if (digit < 0) {
            r->problem = "has an escape with too few hexadecimal digits";
            return 0;
        }
        value = value << 4 | (uint32_t)digit;
        r->text++;
    }
    return value;
}

// One to three digits, of which the first has been seen.
static uint32_t read_octal(reader *r) {
    uint32_t value = 0;
    for (size_t i = 0; i < 3 && r->text < r->end && *r->text >= '0' && *r->text <= '7'; i++) {
        value = value << 3 | (uint32_t)(*r->text++ - '0');
    }
    if (value > 0xff) r->problem = "has an octal escape above \\377";
    return value;
}

// What stands behind the backslash for one character, and which.
static bool simple_escape(char name, uint32_t *value) {
    static const char names[] = "\\'\"abfnrtv";
    static const char values[] = "\\'\"\a\b\f\n\r\t\v";
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (found) *value = (unsigned char)values[found - names];
    return found != NULL;
}

static uint32_t read_escape(reader *r) {
    uint32_t value = 0;
    if (r->text == r->end) {
        r->problem = "is not terminated";
        return 0;
    }
    if (*r->text >= '0' && *r->text <= '7') return read_octal(r);
    const char name = *r->text++;
    if (simple_escape(name, &value)) return value;
    if (name == 'x') return read_hex(r, 2);
    if (name == 'u' && !r->is_bytes) return read_hex(r, 4);
    if (name == 'U' && !r->is_bytes) return read_hex(r, 8);
    r->problem = "has an unknown escape";
    return 0;
}

static void put(reader *r, uint32_t value) {
    if (r->problem) return;
    if (r->is_bytes) {
        *r->out++ = (char)value;
        return;
    }
    const size_t n = rk__utf8_write(r->out, value);
    if (n == 0) r->problem = "names a character that does not exist";
    r->out += n;
}

// A character that stands for itself.
static void read_plain(reader *r) {
    uint32_t code;
    const size_t n = rk__utf8_decode(&code, r->text, (size_t)(r->end - r->text));
    if (n == 0) {
        r->problem = "is not UTF-8";
    } else if (r->is_bytes && code > 0x7f) {
        r->problem = "has a character that bytes literals may not have";
    } else {
        put(r, code);
        r->text += n;
    }
}

rk__python_literal rk__python_literal_read(const char *text, size_t length, char *bytes) {
    reader r = {.text = text, .end = text + length, .out = bytes};
    if (r.text < r.end && (*r.text == 'b' || *r.text == 'B')) {
        r.is_bytes = true;
        r.text++;
    }
    char quote = '\0';
    if (r.text < r.end && (*r.text == '\'' || *r.text == '"')) {
        quote = *r.text++;
    } else {
        r.problem = "does not begin with a quote";
    }
    while (!r.problem && r.text < r.end && *r.text != quote) {
        if (*r.text == '\\') {
            r.text++;
            put(&r, read_escape(&r));
        } else {
            read_plain(&r);
        }
    }
    if (!r.problem && r.text == r.end) r.problem = "is not terminated";
    if (!r.problem) r.text++;
    return (rk__python_literal){.length = (size_t)(r.text - text),
                                .n_bytes = (size_t)(r.out - bytes),
                                .problem = r.problem};
}
