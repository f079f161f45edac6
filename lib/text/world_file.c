// Reading a World vocabulary file, line by line.
#include "text/world_file.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "text/python_literal.h"

// Where the reader is: a file's line.
typedef struct line_reader {
    const char *path;
    size_t number; // from 1 on
    const char *text, *end;
    char *scratch; // room for the bytes of any line
    rk_error *err;
} line_reader;

static rk_status fail_line(const line_reader *line, const char *problem) {
    return rk__fail(line->err, RK_ERR_FORMAT, "%s: line %zu: %s", line->path, line->number,
                    problem);
}

// Decimal digits, at least one; false when there are none. Numbers too large stick at UINT32_MAX.
static bool read_number(line_reader *line, uint32_t *value) {
    const char *begin = line->text;
    uint64_t number = 0;
    for (; line->text < line->end && *line->text >= '0' && *line->text <= '9'; line->text++) {
        number = number * 10 + (uint64_t)(*line->text - '0');
        if (number > UINT32_MAX) number = UINT32_MAX;
    }
    *value = (uint32_t)number;
    return line->text > begin;
}

static bool read_space(line_reader *line) {
    if (line->text == line->end || *line->text != ' ') return false;
    line->text++;
    return true;
}

static rk_status check_token(const line_reader *line, const rk__token_texts *texts, uint32_t id,
                             size_t n_bytes, uint32_t stated) {
    if (n_bytes != stated) {
        return rk__fail(line->err, RK_ERR_FORMAT,
                        "%s: line %zu: the token has %zu bytes, and %" PRIu32 " are stated",
                        line->path, line->number, n_bytes, stated);
    }
    if (n_bytes == 0) return fail_line(line, "the token is empty");
    if (id >= RK__MAX_TOKENS) {
        return rk__fail(line->err, RK_ERR_FORMAT,
                        "%s: line %zu: id %" PRIu32 "; ids below %d are read", line->path,
                        line->number, id, RK__MAX_TOKENS);
    }
    if (rk__token_texts_has(texts, id)) {
        return rk__fail(line->err, RK_ERR_FORMAT, "%s: line %zu: id %" PRIu32 " is there twice",
                        line->path, line->number, id);
    }
    return RK_OK;
}

static rk_status read_token(line_reader *line, rk__token_texts *texts) {
    uint32_t id, stated;
    if (!read_number(line, &id) || !read_space(line)) {
        return fail_line(line, "does not begin with an id and a space");
    }
    const rk__python_literal literal =
        rk__python_literal_read(line->text, (size_t)(line->end - line->text), line->scratch);
    if (literal.problem) {
        return rk__fail(line->err, RK_ERR_FORMAT, "%s: line %zu: the literal of id %" PRIu32 " %s",
                        line->path, line->number, id, literal.problem);
    }
    line->text += literal.length;
    if (!read_space(line) || !read_number(line, &stated) || line->text != line->end) {
        return fail_line(line, "does not end with a space and the number of bytes");
    }
    RK_TRY(check_token(line, texts, id, literal.n_bytes, stated));
    return rk__token_texts_add(texts, id, line->scratch, literal.n_bytes, line->err);
}

static rk_status read_lines(line_reader *line, const char *text, size_t size,
                            rk__token_texts *texts) {
    const char *const end = text + size;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        line->text = text;
        line->end = newline ? newline : end;
        line->number++;
        text = newline ? newline + 1 : end;
        if (line->end > line->text && line->end[-1] == '\r') line->end--;
        RK_TRY(read_token(line, texts));
    }
    return RK_OK;
}

rk_status rk__world_file_read(rk__token_texts *texts, const rk__file *file, rk_error *err) {
    void *scratch = NULL;
    const size_t size = (size_t)file->size;
    void *memory;
    RK_TRY(rk__alloc(&memory, size, 1, err));
    char *text = memory;
    rk_status status = rk__alloc(&scratch, size, 1, err);
    if (status != RK_OK) goto out;
    status = rk__file_read(file, 0, text, size, err);
    if (status != RK_OK) goto out;
    line_reader line = {.path = file->path, .scratch = scratch, .err = err};
    status = read_lines(&line, text, size, texts);
out:
    rk__free(scratch);
    rk__free(text);
    return status;
}
