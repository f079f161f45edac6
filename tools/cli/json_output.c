// JSON output.
#include "cli/json_output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/standard_streams.h"
#include "cli/utf8_text.h"

static void *allocate_bytes(size_t size) {
    return cli_allocate(size, 1);
}

void cli_json_use_allocator(void) {
    cJSON_Hooks hooks = {.malloc_fn = allocate_bytes, .free_fn = free};
    cJSON_InitHooks(&hooks);
}

cJSON *cli_json_new_line(void) {
    cli_json_use_allocator();
    return cJSON_CreateObject();
}

cJSON *cli_json_new(unsigned schema) {
    cJSON *object = cli_json_new_line();
    cli_json_add_size(object, "schema", schema);
    return object;
}

cJSON *cli_json_append_object(cJSON *array) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(array, object);
    return object;
}

void cli_json_append_text(cJSON *array, const char *text) {
    char *clean = cli_utf8_repair(text);
    cJSON_AddItemToArray(array, cJSON_CreateString(clean));
    free(clean);
}

cJSON *cli_json_add_array(cJSON *object, const char *key) {
    return cJSON_AddArrayToObject(object, key);
}

void cli_json_add_size(cJSON *object, const char *key, uint64_t value) {
    char text[CLI_NUMBER_TEXT];
    snprintf(text, sizeof text, "%" PRIu64, value);
    cJSON_AddRawToObject(object, key, text);
}

void cli_json_add_number(cJSON *object, const char *key, double value) {
    char text[CLI_NUMBER_TEXT];
    cJSON_AddRawToObject(object, key, isfinite(value) ? cli_double_format(text, value) : "null");
}

void cli_json_add_text(cJSON *object, const char *key, const char *text) {
    if (text == NULL) {
        cJSON_AddNullToObject(object, key);
        return;
    }
    char *clean = cli_utf8_repair(text);
    cJSON_AddStringToObject(object, key, clean);
    free(clean);
}

bool cli_json_add_bytes(cJSON *object, const char *key, const char *text, size_t length) {
    bool exact;
    char *quoted = cli_json_quote(text, length, &exact);
    cJSON_AddRawToObject(object, key, quoted);
    free(quoted);
    return exact;
}

void cli_json_add_bool(cJSON *object, const char *key, int value) {
    cJSON_AddBoolToObject(object, key, value);
}

void cli_json_add_shape(cJSON *object, const char *key, const rk_shape *shape) {
    cJSON *sizes = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < shape->n_dims; i++) {
        char text[CLI_NUMBER_TEXT];
        snprintf(text, sizeof text, "%zu", shape->dims[i]);
        cJSON_AddItemToArray(sizes, cJSON_CreateRaw(text));
    }
}

void cli_json_finish(cJSON *object) {
    char *text = cJSON_Print(object);
    puts(text);
    cJSON_free(text);
    cJSON_Delete(object);
}

bool cli_json_finish_line(cJSON *object) {
    char *text = cJSON_PrintUnformatted(object);
    char *line = cli_format("%s\n", text);
    const bool done = cli_write_now(line, strlen(line));
    free(line);
    cJSON_free(text);
    cJSON_Delete(object);
    return done;
}

char *cli_double_format(char text[CLI_NUMBER_TEXT], double value) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, CLI_NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

char *cli_float_format(char text[CLI_NUMBER_TEXT], float value) {
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, CLI_NUMBER_TEXT, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return text;
}
