// Lines out of a pipe, a file, or a terminal without an editor.
#ifndef RUN_LINE_READER_H
#define RUN_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum line_end {
    LINE_DONE,
    LINE_INTERRUPTED, // cli_interrupted
    LINE_CLOSED,      // the end: of a file; Ctrl-D in an empty line
    LINE_FAILED,      // after a message
} line_end;

// All zeros is one that has read nothing yet. Its memory is released with line_reader_free.
typedef struct line_reader {
    char *bytes; // [capacity]; those from begin to end have been read and not handed out
    size_t begin, end, capacity;
    bool at_end; // of the input
} line_reader;

// Reads a line from standard input. *line gets *length bytes without the newline at the end, zeros
// included, and a terminator; release: free. NULL for all but LINE_DONE. A last line needs no
// newline.
line_end line_reader_read(line_reader *reader, char **line, size_t *length);

// Forgets the beginning of a line that was interrupted.
void line_reader_forget(line_reader *reader);

void line_reader_free(line_reader *reader);

#endif
