// JSON objects that somebody else wrote.
#ifndef CLI_JSON_INPUT_H
#define CLI_JSON_INPUT_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "cli/options.h"

// Parses one object with nothing but blanks around it. Texts in it are UTF-8 without zeros; there
// are no more than 100,000 values. Release: cJSON_Delete. NULL with one clause in `reason`.
cJSON *cli_json_parse_object(const char *text, size_t length, char reason[CLI_REASON]);

#endif
