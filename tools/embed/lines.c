// Splitting a text into lines.
#include "embed/lines.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"

static void add_line(text_lines *lines, size_t *capacity, text_line line) {
    if (lines->count == *capacity) {
        *capacity = *capacity == 0 ? 64 : 2 * *capacity;
        lines->items = cli_reallocate(lines->items, *capacity, sizeof *lines->items);
    }
    lines->items[lines->count++] = line;
}

bool text_lines_split(text_lines *lines, const cli_text *text) {
    *lines = (text_lines){0};
    size_t capacity = 0;
    const char *const end = text->data + text->size;
    for (const char *start = text->data; start < end;) {
        const char *stop = memchr(start, '\n', (size_t)(end - start));
        if (stop == NULL) stop = end;
        size_t length = (size_t)(stop - start);
        if (length > 0 && start[length - 1] == '\r') length--;
        if (length == 0) {
            cli_complain("%s:%zu: empty line: an empty text has no embedding", text->name,
                         lines->count + 1);
            text_lines_free(lines);
            return false;
        }
        add_line(lines, &capacity, (text_line){start, length});
        start = stop < end ? stop + 1 : end;
    }
    if (lines->count == 0) cli_complain("%s: no texts: the file is empty", text->name);
    return lines->count > 0;
}

void text_lines_free(text_lines *lines) {
    free(lines->items);
    *lines = (text_lines){0};
}
