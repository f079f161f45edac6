// The lines of a stream of requests, which may come slowly while others are worked on.
#ifndef RUN_REQUEST_LINES_H
#define RUN_REQUEST_LINES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct request_lines {
    const char *name; // of the input, for messages
    int fd;
    char *bytes; // [capacity]; those from begin to end have been read and not handed out
    size_t begin, end, capacity, searched;
    size_t line;  // number of the one that was handed out last
    bool at_end;  // nothing more can be read
    bool skipped; // the line under way is too long: what comes of it is thrown away
} request_lines;

// path "-" is standard input. False after a message. Nothing is to be closed then.
bool request_lines_open(request_lines *lines, const char *path);
void request_lines_close(request_lines *lines);

typedef enum request_line {
    REQUEST_LINE,          // there is one
    REQUEST_LINE_TOO_LONG, // there was one, of more than REQUEST_MAX_BYTES
    REQUEST_LINE_LATER,    // none yet
    REQUEST_LINES_END,     // or Ctrl-C
    REQUEST_LINES_FAILED,  // after a message
} request_line;

enum { REQUEST_MAX_BYTES = 16 << 20 };

// The next line that is not blank, without its end; terminated, valid until the next call. The last
// one needs no end. `wait`: until there is one; otherwise REQUEST_LINE_LATER is an answer, too.
request_line request_lines_next(request_lines *lines, bool wait, char **text, size_t *length);

#endif
