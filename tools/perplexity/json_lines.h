// Files of JSON objects, one a line. Newlines are overwritten on the way.
#ifndef JSON_LINES_H
#define JSON_LINES_H

#include "cli/json_input.h"
#include "cli/text_file.h"

typedef struct json_lines {
    const cli_text *text; // borrowed
    size_t offset;        // of the next line
    size_t number;        // of the line that was read last, from 1
} json_lines;

// Reads the next line that is not blank into *object, which the caller releases with cJSON_Delete;
// NULL at the end. False after a message that names file and line.
bool json_lines_next(json_lines *lines, cJSON **object);

// The text under a key. False after a message, when there is none.
bool json_lines_text(const json_lines *lines, const cJSON *object, const char *key,
                     const char **text);

#endif
