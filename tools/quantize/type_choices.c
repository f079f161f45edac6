// Explicit choices of types.
#include "quantize/type_choices.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/dtype_option.h"
#include "cli/messages.h"
#include "cli/text_file.h"

// Takes the pattern.
static void add_choice(type_choices *choices, char *pattern, rk_dtype dtype) {
    const size_t n = choices->count;
    choices->rules = cli_reallocate(choices->rules, n + 1, sizeof choices->rules[0]);
    choices->rules[n] = (rk_type_rule){.pattern = pattern, .dtype = dtype};
    choices->count++;
}

static bool is_pattern(const char *pattern, char reason[CLI_REASON]) {
    regex_t regex;
    const int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (code == 0) {
        regfree(&regex);
        return true;
    }
    char why[96];
    regerror(code, &regex, why, sizeof why);
    snprintf(reason, CLI_REASON, "'%.60s' is no regular expression: %s", pattern, why);
    return false;
}

bool parse_tensor_type(void *choices, const char *text, char reason[CLI_REASON]) {
    const char *equals = strrchr(text, '=');
    rk_dtype dtype;
    if (equals == NULL || equals == text) {
        snprintf(reason, CLI_REASON, "'%.60s' is not of the form REGEX=FORMAT", text);
        return false;
    }
    if (!cli_parse_file_dtype(&dtype, equals + 1, reason)) return false;
    char *pattern = cli_format("%.*s", (int)(equals - text), text);
    if (!is_pattern(pattern, reason)) {
        free(pattern);
        return false;
    }
    add_choice(choices, pattern, dtype);
    return true;
}

static bool parse_type_of(type_choices *choices, const char *pattern, const char *text,
                          char reason[CLI_REASON]) {
    rk_dtype dtype;
    if (!cli_parse_file_dtype(&dtype, text, reason)) return false;
    add_choice(choices, cli_copy(pattern), dtype);
    return true;
}

bool parse_emb_type(void *choices, const char *text, char reason[CLI_REASON]) {
    return parse_type_of(choices, "^emb\\.weight$", text, reason);
}

bool parse_head_type(void *choices, const char *text, char reason[CLI_REASON]) {
    return parse_type_of(choices, "^head\\.weight$", text, reason);
}

bool read_type_choices(type_choices *choices, const char *path) {
    cli_text text;
    if (!cli_text_read(&text, path)) return false;
    bool good = strlen(text.data) == text.size;
    if (!good) cli_complain("%s: is no text", path);
    size_t number = 1;
    char *next = text.data;
    for (char *line; good && (line = strsep(&next, "\n")) != NULL; number++) {
        char reason[CLI_REASON];
        line += strspn(line, " \t");
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0' || line[0] == '#') continue;
        good = parse_tensor_type(choices, line, reason);
        if (!good) cli_complain("%s: line %zu: %s", path, number, reason);
    }
    cli_text_free(&text);
    return good;
}

void append_type_choices(type_choices *to, type_choices *from) {
    for (size_t i = 0; i < from->count; i++) {
        add_choice(to, (char *)from->rules[i].pattern, from->rules[i].dtype);
    }
    free(from->rules);
    *from = (type_choices){0};
}

void free_type_choices(type_choices *choices) {
    for (size_t i = 0; i < choices->count; i++) free((char *)choices->rules[i].pattern);
    free(choices->rules);
    *choices = (type_choices){0};
}
