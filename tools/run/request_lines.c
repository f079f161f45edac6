// Reading lines as they come.
#include "run/request_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/signals.h"

enum { PIECE = 1 << 16 };

bool request_lines_open(request_lines *lines, const char *path) {
    const bool is_stdin = strcmp(path, "-") == 0;
    *lines = (request_lines){.name = is_stdin ? "standard input" : path, .fd = STDIN_FILENO};
    if (!is_stdin) lines->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (lines->fd >= 0) return true;
    cli_complain("%s: %s", path, strerror(errno));
    return false;
}

void request_lines_close(request_lines *lines) {
    free(lines->bytes);
    if (lines->fd > STDIN_FILENO) close(lines->fd);
    *lines = (request_lines){.fd = -1};
}

static void make_room(request_lines *r) {
    if (r->begin > 0) {
        memmove(r->bytes, r->bytes + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->searched -= r->begin;
        r->begin = 0;
    }
    if (r->capacity - r->end > PIECE) return;
    r->capacity = 2 * r->capacity + 2 * PIECE;
    r->bytes = cli_reallocate(r->bytes, r->capacity, 1);
}

// REQUEST_LINE: something was read, or the end was reached.
static request_line read_more(request_lines *r, bool wait) {
    make_room(r);
    for (;;) {
        if (wait && cli_wait_for_input(r->fd) == CLI_WAIT_INTERRUPTED) return REQUEST_LINES_END;
        struct pollfd input = {.fd = r->fd, .events = POLLIN};
        if (poll(&input, 1, 0) == 0) {
            if (wait) continue;
            return REQUEST_LINE_LATER;
        }
        const ssize_t n = read(r->fd, r->bytes + r->end, PIECE);
        if (n >= 0) {
            r->at_end = n == 0;
            r->end += (size_t)n;
            return REQUEST_LINE;
        }
        if (errno == EINTR || errno == EAGAIN) continue;
        cli_complain("%s: %s", r->name, strerror(errno));
        return REQUEST_LINES_FAILED;
    }
}

static bool is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (memchr(" \t\r", text[i], 3) == NULL) return false;
    }
    return true;
}

// Hands out the bytes up to `end`, where a line ends. REQUEST_LINE_LATER: it is not worth it.
static request_line hand_out(request_lines *r, size_t end, char **text, size_t *length) {
    *text = r->bytes + r->begin;
    *length = end - r->begin;
    r->bytes[end] = '\0';
    r->begin = r->searched = end < r->end ? end + 1 : end;
    r->line++;
    if (r->skipped || *length > REQUEST_MAX_BYTES) {
        r->skipped = false;
        return REQUEST_LINE_TOO_LONG;
    }
    return is_blank(*text, *length) ? REQUEST_LINE_LATER : REQUEST_LINE;
}

// The end of the line under way, as an index; `end` when it is not there yet.
static size_t find_end(const request_lines *r) {
    if (r->searched == r->end) return r->end;
    const char *newline = memchr(r->bytes + r->searched, '\n', r->end - r->searched);
    return newline != NULL ? (size_t)(newline - r->bytes) : r->end;
}

request_line request_lines_next(request_lines *r, bool wait, char **text, size_t *length) {
    for (;;) {
        const size_t end = find_end(r);
        const bool rest = r->at_end && (r->end > r->begin || r->skipped);
        if (end < r->end || rest) {
            const request_line found = hand_out(r, end, text, length);
            if (found != REQUEST_LINE_LATER) return found;
            continue;
        }
        if (r->at_end) return REQUEST_LINES_END;
        r->searched = r->end;
        if (r->end - r->begin > REQUEST_MAX_BYTES) {
            r->skipped = true;
            r->begin = r->end;
        }
        const request_line more = read_more(r, wait);
        if (more != REQUEST_LINE) return more;
    }
}
