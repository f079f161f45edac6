// Files of JSON objects, one a line.
#include "perplexity/json_lines.h"

#include <string.h>

#include "cli/messages.h"

static bool is_blank(const char *text, size_t length) {
    return strspn(text, " \t\r") >= length;
}

bool json_lines_next(json_lines *lines, cJSON **object) {
    const cli_text *text = lines->text;
    *object = NULL;
    while (lines->offset < text->size) {
        char *line = text->data + lines->offset;
        char *end = memchr(line, '\n', text->size - lines->offset);
        const size_t length = end != NULL ? (size_t)(end - line) : text->size - lines->offset;
        lines->offset += length + 1;
        lines->number++;
        line[length] = '\0'; // where the newline was, or behind the file's last byte
        if (is_blank(line, length)) continue;
        char reason[CLI_REASON];
        *object = cli_json_parse_object(line, length, reason);
        if (*object != NULL) return true;
        cli_complain("%s: line %zu: %s", text->name, lines->number, reason);
        return false;
    }
    return true;
}

bool json_lines_text(const json_lines *lines, const cJSON *object, const char *key,
                     const char **text) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsString(value)) {
        *text = value->valuestring;
        return true;
    }
    cli_complain("%s: line %zu: no text \"%s\"", lines->text->name, lines->number, key);
    return false;
}
