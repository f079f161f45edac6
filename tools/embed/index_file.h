// The index beside a file of vectors, as vector_writer.h makes it.
#ifndef EMBED_INDEX_FILE_H
#define EMBED_INDEX_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "rk/similarity.h"

// Finds the lines of some rows. objects[n] become their objects (release: cJSON_Delete); `key` is
// what the rows must be. False after a message.
bool index_file_find(cJSON **objects, const rk_neighbour *rows, size_t n, const char *path,
                     const char *key);

#endif
