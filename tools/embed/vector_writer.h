// Where vectors go: a NumPy array, JSON lines or CSV, chosen by the output's name; and an index
// beside them that says which text each row is of.
#ifndef EMBED_VECTOR_WRITER_H
#define EMBED_VECTOR_WRITER_H

#include "cli/text_output.h"
#include "embed/embed_loop.h"
#include "rk/npy.h"

typedef enum vector_format {
    VECTORS_NPY,
    VECTORS_JSONL,
    VECTORS_CSV,
    VECTORS_UNKNOWN
} vector_format;

// By the ending: .npy, .jsonl or .csv.
vector_format vector_format_of(const char *path);

typedef struct vector_writer {
    vector_format format;
    const char *path;
    bool keep_text;
    size_t length; // of a row
    rk_npy *npy;
    cli_text_output lines, index; // without a file where there is none
} vector_writer;

// All of these return false after a message. The files appear when they are committed; a writer
// that was opened must be closed, which removes what has not been committed.
bool vector_writer_open(vector_writer *writer, const output_settings *settings,
                        const embed_machine *machine);
bool vector_writer_append(vector_writer *writer, const embedded_row *row);
bool vector_writer_commit(vector_writer *writer);
void vector_writer_close(vector_writer *writer);

#endif
