// Opcodes of numbers and texts. A read beyond the pickle's end sets the cursor's flag, which the
// machine's loop looks at after every opcode.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "checkpoint/pickle_machine.h"

static rk_status push_integer(rk__pickle_machine *m, int64_t value) {
    return rk__pickle_push_node(m,
                                (rk__pickle_node){.kind = RK__PICKLE_INTEGER, .as.integer = value});
}

static rk_status push_big_integer(rk__pickle_machine *m) {
    return rk__pickle_push_node(m, (rk__pickle_node){.kind = RK__PICKLE_BIG_INTEGER});
}

rk_status rk__pickle_op_binary_integer(rk__pickle_machine *m) {
    switch (m->opcode) {
    case 'K':
        return push_integer(m, rk__cursor_u8(&m->in));
    case 'M':
        return push_integer(m, rk__cursor_u16le(&m->in));
    default:
        return push_integer(m, rk__cursor_i32le(&m->in));
    }
}

// ---- lines

// The next line as a C string; lines of numbers are short.
static bool read_line(rk__pickle_machine *m, char *out, size_t capacity) {
    size_t length;
    const uint8_t *line = rk__cursor_line(&m->in, &length);
    out[0] = '\0';
    if (!line || length >= capacity || memchr(line, '\0', length)) return false;
    memcpy(out, line, length);
    out[length] = '\0';
    return true;
}

rk_status rk__pickle_line_number(rk__pickle_machine *m, int64_t *out, bool *fits) {
    char line[32];
    char *end = line;
    *out = 0;
    *fits = false;
    if (!read_line(m, line, sizeof line)) {
        // A longer line is a larger number than we keep; its digits do not matter.
        return RK_OK;
    }
    errno = 0;
    const long long number = strtoll(line, &end, 10);
    // Protocol 0 writes long integers as "123L".
    if (*end == 'L') end++;
    if (end == line || *end != '\0') {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "'%s' is no number", line);
    }
    *fits = errno == 0;
    *out = number;
    return RK_OK;
}

rk_status rk__pickle_op_text_integer(rk__pickle_machine *m) {
    // Protocol 0 writes truth values as the numbers 00 and 01.
    const uint8_t *at = m->in.data + m->in.offset;
    const size_t left = rk__cursor_left(&m->in);
    const bool is_truth = m->opcode == 'I' && left >= 3 && at[0] == '0' &&
                          (at[1] == '0' || at[1] == '1') && at[2] == '\n';
    if (is_truth) {
        const rk__value truth = at[1] == '1' ? m->yes : m->no;
        (void)rk__cursor_bytes(&m->in, 3);
        return rk__pickle_push(m, truth);
    }
    int64_t number;
    bool fits;
    RK_TRY(rk__pickle_line_number(m, &number, &fits));
    return fits ? push_integer(m, number) : push_big_integer(m);
}

rk_status rk__pickle_op_real(rk__pickle_machine *m) {
    double value;
    if (m->opcode == 'G') {
        value = rk__cursor_f64be(&m->in);
    } else {
        char line[64];
        char *end = line;
        const bool complete = read_line(m, line, sizeof line);
        if (m->in.failed) return RK_OK;
        value = complete ? strtod(line, &end) : NAN;
        if (!complete || end == line || *end != '\0') {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "'%s' is no floating-point number", line);
        }
    }
    return rk__pickle_push_node(m, (rk__pickle_node){.kind = RK__PICKLE_REAL, .as.real = value});
}

// Two's complement of any length, little-endian.
rk_status rk__pickle_op_long(rk__pickle_machine *m) {
    int64_t length = m->opcode == 0x8a ? rk__cursor_u8(&m->in) : rk__cursor_i32le(&m->in);
    if (length < 0) return rk__pickle_fail(m, RK_ERR_FORMAT, "a number of %d bytes", (int)length);
    const uint8_t *bytes = rk__cursor_bytes(&m->in, (size_t)length);
    if (!bytes) return RK_OK;
    // Bytes that only repeat the sign do not count.
    const uint8_t sign = length > 0 && bytes[length - 1] >= 0x80 ? 0xff : 0;
    while (length > 8 && bytes[length - 1] == sign && (bytes[length - 2] ^ sign) < 0x80) length--;
    if (length > 8) return push_big_integer(m);
    uint64_t bits = sign ? UINT64_MAX : 0;
    for (int64_t i = length; i > 0; i--) bits = bits << 8 | bytes[i - 1];
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return push_integer(m, value);
}

// ---- texts

static rk_status check_utf8(rk__pickle_machine *m, const uint8_t *text, size_t length) {
    for (size_t i = 0; i < length;) {
        uint32_t code;
        const size_t bytes = rk__utf8_decode(&code, (const char *)text + i, length - i);
        if (bytes == 0) {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "byte %zu of a text of %zu bytes is no UTF-8",
                                   i, length);
        }
        i += bytes;
    }
    return RK_OK;
}

static rk__pickle_node text_node(const rk__pickle_machine *m, rk__value_kind kind,
                                 const uint8_t *text, size_t length) {
    return (rk__pickle_node){.kind = (uint8_t)kind,
                             .count = (uint32_t)length,
                             .as.start = (uint64_t)(text - m->in.data)};
}

rk_status rk__pickle_add_text(rk__pickle_machine *m, rk__value *out, const uint8_t *text,
                              size_t length) {
    RK_TRY(check_utf8(m, text, length));
    return rk__pickle_new(m, out, text_node(m, RK__PICKLE_TEXT, text, length));
}

static uint64_t read_length(rk__pickle_machine *m) {
    switch (m->opcode) {
    case 'C':
    case 'U':
    case 0x8c:
        return rk__cursor_u8(&m->in);
    case 'B':
    case 'T':
    case 'X':
        return rk__cursor_u32le(&m->in);
    default:
        return rk__cursor_u64le(&m->in);
    }
}

rk_status rk__pickle_op_counted(rk__pickle_machine *m) {
    const uint64_t length = read_length(m);
    const uint8_t *text = rk__cursor_bytes(&m->in, length);
    if (!text) return RK_OK;
    const bool is_unicode = m->opcode == 'X' || m->opcode == 0x8c || m->opcode == 0x8d;
    if (is_unicode) RK_TRY(check_utf8(m, text, (size_t)length));
    // Strings of Python 2 (T and U) are keys as often as they are data; names are checked again
    // later.
    const bool is_text = is_unicode || m->opcode == 'T' || m->opcode == 'U';
    return rk__pickle_push_node(
        m, text_node(m, is_text ? RK__PICKLE_TEXT : RK__PICKLE_BYTES, text, (size_t)length));
}

// A text between quotes (S) or up to the newline (V). Escapes are not resolved: no writer of
// checkpoints uses these opcodes for names, and what stands beside the tensors is not looked at.
rk_status rk__pickle_op_line(rk__pickle_machine *m) {
    size_t length;
    const uint8_t *line = rk__cursor_line(&m->in, &length);
    if (!line) return RK_OK;
    if (m->opcode == 'S') {
        if (length < 2 || line[0] != line[length - 1] || (line[0] != '\'' && line[0] != '"')) {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "a text without quotes");
        }
        line++;
        length -= 2;
    }
    const bool escaped = memchr(line, '\\', length) != NULL;
    return rk__pickle_push_node(
        m, text_node(m, escaped ? RK__PICKLE_BYTES : RK__PICKLE_TEXT, line, length));
}
