// Reading lines; signals are noticed while waiting.
#include "run/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/signals.h"

enum { PIECE = 1 << 16 };

static void make_room(line_reader *r) {
    if (r->begin > 0) {
        memmove(r->bytes, r->bytes + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->begin = 0;
    }
    if (r->capacity - r->end >= PIECE) return;
    r->capacity = 2 * r->capacity + PIECE;
    r->bytes = cli_reallocate(r->bytes, r->capacity, 1);
}

// LINE_DONE: there is more in the buffer, or the end was reached.
static line_end read_more(line_reader *r) {
    make_room(r);
    for (;;) {
        switch (cli_wait_for_input(STDIN_FILENO)) {
        case CLI_WAIT_INTERRUPTED:
            return LINE_INTERRUPTED;
        case CLI_WAIT_SCREEN:
            break;
        case CLI_WAIT_INPUT: {
            const ssize_t n = read(STDIN_FILENO, r->bytes + r->end, PIECE);
            if (n >= 0) {
                r->at_end = n == 0;
                r->end += (size_t)n;
                return LINE_DONE;
            }
            if (errno == EINTR || errno == EAGAIN) break;
            cli_complain("standard input: %s", strerror(errno));
            return LINE_FAILED;
        }
        }
    }
}

static void hand_out(line_reader *r, size_t n, char **line, size_t *length) {
    *line = cli_allocate(n + 1, 1);
    memcpy(*line, r->bytes + r->begin, n);
    *length = n;
}

line_end line_reader_read(line_reader *r, char **line, size_t *length) {
    *line = NULL;
    *length = 0;
    size_t searched = 0;
    for (;;) {
        const size_t n = r->end - r->begin;
        const char *start = n > 0 ? r->bytes + r->begin : NULL;
        const char *newline = n > searched ? memchr(start + searched, '\n', n - searched) : NULL;
        if (newline != NULL) {
            hand_out(r, (size_t)(newline - start), line, length);
            r->begin += *length + 1;
            return LINE_DONE;
        }
        if (r->at_end) {
            if (n == 0) return LINE_CLOSED;
            hand_out(r, n, line, length);
            r->begin = r->end;
            return LINE_DONE;
        }
        searched = n;
        const line_end more = read_more(r);
        if (more != LINE_DONE) return more;
    }
}

void line_reader_forget(line_reader *r) {
    r->begin = r->end;
}

void line_reader_free(line_reader *r) {
    free(r->bytes);
    *r = (line_reader){0};
}
