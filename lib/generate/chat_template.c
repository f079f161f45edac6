// Reading templates: lines of the form  key = "text"  (docs/chat.md).
#include "generate/chat_template.h"

#include <string.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { MAX_FILE = 1 << 16 };

// Where the reader is.
typedef struct reader {
    const char *name;
    const char *at, *end; // of the rest of the line
    size_t line;
    char value[MAX_FILE]; // [n_value] of the line, unescaped
    size_t n_value;
} reader;

static void skip_blanks(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t')) r->at++;
}

static rk_status fail_line(const reader *r, const char *what, rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT, "%s:%zu: %s", r->name, r->line, what);
}

static bool unescape(char *out, char escaped) {
    static const char from[] = "nt\\\"", to[] = "\n\t\\\"";
    const char *at = escaped ? strchr(from, escaped) : NULL;
    if (at) *out = to[at - from];
    return at != NULL;
}

// Reads  "text"  and what may stand behind it.
static rk_status read_value(reader *r, rk_error *err) {
    r->n_value = 0;
    if (r->at == r->end || *r->at != '"') return fail_line(r, "expected a \" after the =", err);
    for (r->at++; r->at < r->end && *r->at != '"'; r->at++) {
        char c = *r->at;
        if (c == '\\') {
            r->at++;
            if (r->at == r->end || !unescape(&c, *r->at)) {
                return fail_line(r, "a \\ is followed by none of n, t, \\ and \"", err);
            }
        }
        r->value[r->n_value++] = c;
    }
    if (r->at == r->end) return fail_line(r, "the closing \" is missing", err);
    r->at++;
    skip_blanks(r);
    if (r->at < r->end && *r->at != '#') return fail_line(r, "there is more behind the \"", err);
    return RK_OK;
}

// ---- fields

static rk_status set_text(const reader *r, rk__chat_format *format, rk_error *err) {
    if (format->before) return fail_line(r, "this key has been given before", err);
    format->n_before = r->n_value;
    return rk__copy_string(&format->before, r->value, r->n_value, err);
}

// A text with exactly one {text} in it.
static rk_status set_format(const reader *r, rk__chat_format *format, rk_error *err) {
    static const char place[] = "{text}";
    enum { N_PLACE = sizeof place - 1 };
    if (format->before) return fail_line(r, "this key has been given before", err);
    const char *end = r->value + r->n_value;
    const char *at = memmem(r->value, r->n_value, place, N_PLACE);
    if (!at) return fail_line(r, "there is no {text} in it", err);
    const char *after = at + N_PLACE;
    if (memmem(after, (size_t)(end - after), place, N_PLACE)) {
        return fail_line(r, "there are two {text} in it", err);
    }
    format->n_before = (size_t)(at - r->value);
    format->n_after = (size_t)(end - after);
    RK_TRY(rk__copy_string(&format->before, r->value, format->n_before, err));
    return rk__copy_string(&format->after, after, format->n_after, err);
}

static rk_status add_stop(const reader *r, rk_chat_template *t, rk_error *err) {
    if (r->n_value == 0) return fail_line(r, "a stop string is empty", err);
    if (t->n_stops == RK__CHAT_STOPS) return fail_line(r, "more than 16 stop strings", err);
    char *copy;
    RK_TRY(rk__copy_string(&copy, r->value, r->n_value, err));
    t->stops[t->n_stops++] = (rk_text){.bytes = copy, .length = r->n_value};
    return RK_OK;
}

static bool value_is(const reader *r, const char *word) {
    return r->n_value == strlen(word) && memcmp(r->value, word, r->n_value) == 0;
}

static rk_status set_field(const reader *r, rk_chat_template *t, const char *key, size_t n_key,
                           rk_error *err) {
    const struct {
        const char *key;
        rk__chat_format *format;
        bool has_place;
    } fields[] = {{"begin", &t->begin, false},
                  {"system", &t->system, true},
                  {"turn", &t->turn, true},
                  {"answer_begin", &t->answer_begin, false},
                  {"answer_end", &t->answer_end, false}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strlen(fields[i].key) != n_key || memcmp(fields[i].key, key, n_key) != 0) continue;
        return fields[i].has_place ? set_format(r, fields[i].format, err)
                                   : set_text(r, fields[i].format, err);
    }
    if (n_key == 4 && memcmp(key, "stop", 4) == 0) return add_stop(r, t, err);
    if (n_key == 11 && memcmp(key, "empty_lines", 11) == 0) {
        t->keep_empty_lines = value_is(r, "keep");
        if (t->keep_empty_lines || value_is(r, "remove")) return RK_OK;
        return fail_line(r, "empty_lines is neither \"keep\" nor \"remove\"", err);
    }
    return rk__fail(err, RK_ERR_UNSUPPORTED, "%s:%zu: unknown key '%.*s'", r->name, r->line,
                    n_key < 40 ? (int)n_key : 40, key);
}

static bool is_key(char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
}

static rk_status read_line(reader *r, rk_chat_template *t, rk_error *err) {
    skip_blanks(r);
    if (r->at == r->end || *r->at == '#') return RK_OK;
    const char *key = r->at;
    while (r->at < r->end && is_key(*r->at)) r->at++;
    const size_t n_key = (size_t)(r->at - key);
    skip_blanks(r);
    if (n_key == 0 || r->at == r->end || *r->at != '=') {
        return fail_line(r, "expected a line of the form  key = \"text\"", err);
    }
    r->at++;
    skip_blanks(r);
    RK_TRY(read_value(r, err));
    return set_field(r, t, key, n_key, err);
}

// ---- whole templates

// Control characters and broken UTF-8 have no place in what people read and models learn.
static rk_status check_line(const reader *r, rk_error *err) {
    for (const char *at = r->at; at < r->end;) {
        uint32_t code;
        const size_t n = rk__utf8_decode(&code, at, (size_t)(r->end - at));
        if (n == 0) return fail_line(r, "bytes that are no UTF-8", err);
        if (code < ' ' && code != '\t') return fail_line(r, "a control character", err);
        at += n;
    }
    return RK_OK;
}

static rk_status read_lines(reader *r, rk_chat_template *t, const char *text, size_t length,
                            rk_error *err) {
    const char *end = text + length;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end;
        r->line++;
        r->at = at;
        r->end = newline ? newline : end;
        if (r->end > at && r->end[-1] == '\r') r->end--;
        RK_TRY(check_line(r, err));
        RK_TRY(read_line(r, t, err));
        at = next;
    }
    if (t->turn.before) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: there is no line  turn = \"...{text}...\"", r->name);
}

rk_status rk__chat_template_read(rk_chat_template **out, const char *name, const char *text,
                                 size_t length, rk_error *err) {
    rk_chat_template *t = NULL;
    reader *r = NULL;
    rk_status status = RK_OK;
    if (length > MAX_FILE) {
        status = rk__fail(err, RK_ERR_FORMAT, "%s: a chat template of %zu bytes, %d at most", name,
                          length, MAX_FILE);
        goto out;
    }
    status = rk__alloc((void **)&t, 1, sizeof *t, err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&r, 1, sizeof *r, err);
    if (status != RK_OK) goto out;
    r->name = name;
    status = read_lines(r, t, text, length, err);
out:
    rk__free(r);
    if (status != RK_OK) rk_chat_template_free(&t);
    *out = t;
    return status;
}

rk_status rk_chat_template_load(rk_chat_template **out, const char *path, rk_error *err) {
    rk__file file;
    char *text = NULL;
    *out = NULL;
    RK_TRY(rk__file_open(&file, path, err));
    // One byte more than is allowed, so that longer files are seen to be.
    const size_t size = file.size < MAX_FILE + 1 ? (size_t)file.size : MAX_FILE + 1;
    rk_status status = rk__alloc((void **)&text, size, 1, err);
    if (status != RK_OK) goto out;
    status = rk__file_read(&file, 0, text, size, err);
    if (status == RK_OK) status = rk__chat_template_read(out, path, text, size, err);
out:
    rk__free(text);
    rk__file_close(&file);
    return status;
}

void rk_chat_template_free(rk_chat_template **chat_template) {
    rk_chat_template *t = *chat_template;
    *chat_template = NULL;
    if (!t) return;
    rk__chat_format *formats[] = {&t->begin, &t->system, &t->turn, &t->answer_begin,
                                  &t->answer_end};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        rk__free(formats[i]->before);
        rk__free(formats[i]->after);
    }
    for (size_t i = 0; i < t->n_stops; i++) rk__free((char *)t->stops[i].bytes);
    rk__free(t);
}
