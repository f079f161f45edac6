// JSON input, on top of cJSON: with the checks that it leaves to its callers.
#include "cli/json_input.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/json_output.h"
#include "cli/utf8_text.h"

enum { MAX_VALUES = 100000 }; // of about 100 bytes of memory each

// What cJSON would read wrongly, or with too much memory. `text` is terminated.
static bool check_text(const char *text, size_t length, char reason[CLI_REASON]) {
    bool in_string = false;
    size_t n_values = 0, n;
    for (size_t i = 0; i < length; i += n) {
        const char c = text[i];
        n = cli_utf8_character(text + i); // 0 for a zero byte, too
        if (n == 0) {
            snprintf(reason, CLI_REASON, "byte %zu is no UTF-8 text", i + 1);
            return false;
        }
        if (in_string && c == '\\') {
            // cJSON would end the text here.
            if (strncmp(text + i + 1, "u0000", 5) == 0) {
                snprintf(reason, CLI_REASON, "byte %zu: a text with a zero character", i + 1);
                return false;
            }
            n = i + 1 < length ? 2 : 1;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && strchr(",[{:", c) != NULL && ++n_values > MAX_VALUES) {
            snprintf(reason, CLI_REASON, "more than %d values", MAX_VALUES);
            return false;
        }
    }
    return true;
}

cJSON *cli_json_parse_object(const char *text, size_t length, char reason[CLI_REASON]) {
    if (!check_text(text, length, reason)) return NULL;
    cli_json_use_allocator();
    const char *end = text;
    cJSON *object = cJSON_ParseWithLengthOpts(text, length, &end, false);
    const size_t parsed = object != NULL ? (size_t)(end - text) : 0;
    if (object == NULL) {
        snprintf(reason, CLI_REASON, "no JSON from byte %zu on", (size_t)(end - text) + 1);
    } else if (!cJSON_IsObject(object)) {
        snprintf(reason, CLI_REASON, "no JSON object");
    } else if (strspn(end, " \t\r\n") != length - parsed) {
        snprintf(reason, CLI_REASON, "more behind the object, at byte %zu", parsed + 1);
    } else {
        return object;
    }
    cJSON_Delete(object);
    return NULL;
}
