// Where embeddings go: a NumPy array or JSON lines, chosen by the output's name.
#ifndef EMBEDDING_WRITER_H
#define EMBEDDING_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/text_output.h"
#include "rk/embed.h"

typedef enum embedding_format {
    EMBEDDING_NPY,
    EMBEDDING_JSONL,
    EMBEDDING_UNKNOWN
} embedding_format;

// By the ending, .npy or .jsonl.
embedding_format embedding_format_of(const char *path);

typedef struct embedding_writer {
    embedding_format format;
    size_t n_columns, n_rows; // n_rows: written so far
    rk_npy *npy;
    cli_text_output lines;
} embedding_writer;

// All of these return false after a message. The file appears when it is committed; a writer that
// was opened must be closed, which removes what has not been committed.
bool embedding_writer_open(embedding_writer *writer, const char *path, size_t n_columns);
bool embedding_writer_append(embedding_writer *writer, const float *row);
bool embedding_writer_commit(embedding_writer *writer);
void embedding_writer_close(embedding_writer *writer);

#endif
