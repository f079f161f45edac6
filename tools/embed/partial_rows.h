// The rows that a job with --resume has made so far, in a file of its own beside the output: what
// is left when the job is killed, and what the next one goes on from.
//
// A header names the vectors; each record behind it has the hash of its text, its own hash and the
// row. A record that was cut is cut off.
#ifndef EMBED_PARTIAL_ROWS_H
#define EMBED_PARTIAL_ROWS_H

#include <stdbool.h>

#include "embed/text_source.h"

typedef struct partial_rows {
    char *path; // owned: OUT.partial
    int fd;
    uint64_t n_found;      // rows that were there
    uint64_t n_read;       // rows handed out
    size_t length;         // of a row
    size_t header;         // bytes
    unsigned char *record; // [record_bytes]
    size_t record_bytes;
} partial_rows;

// Opens what is there for these vectors (`key`, `length`), or begins. False after a message:
// another job is at it, or the rows are of other vectors. To be closed in any case.
bool partial_rows_open(partial_rows *partial, const char *output, const char *key, size_t length);

// Leaves the file where it is.
void partial_rows_close(partial_rows *partial);

// The job is done: removes the file.
void partial_rows_remove(partial_rows *partial);

typedef enum partial_result {
    PARTIAL_ROW,    // `row` is this text's
    PARTIAL_NONE,   // there are no more rows
    PARTIAL_FAILED, // after a message: the text is not the one that the row was made of
} partial_result;

// The row of the next text. Rows come in the order of the texts.
partial_result partial_rows_next(partial_rows *partial, const text_item *item, float *row);

// Appends the row of a text; all there were have been read. False after a message.
bool partial_rows_append(partial_rows *partial, const text_item *item, const float *row);

#endif
