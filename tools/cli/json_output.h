// JSON for the --json options, on top of cJSON: what it would round or print wrongly is formatted
// here.
#ifndef CLI_JSON_OUTPUT_H
#define CLI_JSON_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "cli/json_quote.h"
#include "rk/tensor.h"

// A new object whose first member is "schema": the number that changes whenever a member changes
// its meaning.
cJSON *cli_json_new(unsigned schema);

// A new object for a line among others: no members yet.
cJSON *cli_json_new_line(void);

// Makes cJSON take memory as all programs do: when there is none, the program ends. So no call of
// cJSON fails for want of it. The functions above do this by themselves.
void cli_json_use_allocator(void);

// An empty object appended to an array; an empty array as a member.
cJSON *cli_json_append_object(cJSON *array);
void cli_json_append_text(cJSON *array, const char *text);
cJSON *cli_json_add_array(cJSON *object, const char *key);

// Exact for all 64 bits.
void cli_json_add_size(cJSON *object, const char *key, uint64_t value);

// The shortest decimal number that reads back as the same double; null for NaN and infinities.
void cli_json_add_number(cJSON *object, const char *key, double value);

// Bytes that are no UTF-8 become U+FFFD. NULL: null.
void cli_json_add_text(cJSON *object, const char *key, const char *text);

// The same for text that may contain zeros, and be cut anywhere. False when bytes were replaced.
bool cli_json_add_bytes(cJSON *object, const char *key, const char *text, size_t length);

void cli_json_add_bool(cJSON *object, const char *key, int value);
void cli_json_add_shape(cJSON *object, const char *key, const rk_shape *shape);

// Prints the object and a newline on stdout, and releases it.
void cli_json_finish(cJSON *object);

// The same on one line, and at once, past stdout's buffer. False after a failure, which cli_finish
// reports.
bool cli_json_finish_line(cJSON *object);

// The shortest of the texts with 15 to 17 (6 to 9) significant digits that reads back as the same
// value. The value must be finite. Returns text.
enum { CLI_NUMBER_TEXT = 32 };
char *cli_double_format(char text[CLI_NUMBER_TEXT], double value);
char *cli_float_format(char text[CLI_NUMBER_TEXT], float value);

#endif
