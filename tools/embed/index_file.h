// The index beside a file of vectors, as vector_writer.h makes it.
#ifndef EMBED_INDEX_FILE_H
#define EMBED_INDEX_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "rk/similarity.h"

// What is known of a row.
typedef struct index_line {
    uint64_t row;
    cJSON *object; // release: cJSON_Delete; NULL: nothing
} index_line;

// Finds the lines[n] of some rows, in their order; `key` is what the rows must be. False after a
// message.
bool index_file_find(index_line *lines, const rk_neighbour *rows, size_t n, const char *path,
                     const char *key);

#endif
