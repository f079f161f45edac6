// Names of element types on command lines. The library's table knows the types; nothing is listed
// here.
#include "cli/dtype_option.h"

#include <stdio.h>
#include <string.h>

#include "cli/messages.h"

typedef bool (*parse_fn)(rk_dtype *out, const char *name);

// A type's name as it is written on a command line: without the version that some have behind it.
enum { NAME = 24 };
static const char *plain_name(char text[NAME], rk_dtype dtype) {
    const char *name = rk_dtype_describe(dtype)->name;
    snprintf(text, NAME, "%.*s", (int)strcspn(name, " "), name);
    return text;
}

// The types that a parser accepts by their own names.
static void explain(char reason[CLI_REASON], const char *name, parse_fn parse) {
    int used = snprintf(reason, CLI_REASON, "'%.40s' is none of", name);
    const char *before = "";
    for (rk_dtype dtype = 0; dtype < RK_DTYPE_COUNT && used < CLI_REASON; dtype++) {
        char text[NAME];
        rk_dtype same;
        if (!parse(&same, plain_name(text, dtype)) || same != dtype) continue;
        used += snprintf(reason + used, (size_t)(CLI_REASON - used), "%s %s", before, text);
        before = ",";
    }
}

static bool parse_one(rk_dtype *out, const char *text, parse_fn parse, char reason[CLI_REASON]) {
    rk_dtype dtype;
    if (parse(&dtype, text)) {
        *out = dtype;
        return true;
    }
    explain(reason, text, parse);
    return false;
}

bool cli_parse_file_dtype(void *out, const char *text, char reason[CLI_REASON]) {
    return parse_one(out, text, rk_dtype_parse_stored, reason);
}

bool cli_parse_container(void *out, const char *text, char reason[CLI_REASON]) {
    const char *digits = text[0] == 'v' || text[0] == 'V' ? text + 1 : text;
    if (strcmp(digits, "100") != 0 && strcmp(digits, "101") != 0) {
        snprintf(reason, CLI_REASON, "'%.40s' is none of v100, v101", text);
        return false;
    }
    *(unsigned *)out = digits[2] == '0' ? 100 : 101;
    return true;
}

rk_dtype cli_require_container(unsigned *container, rk_dtype dtype, const char *what) {
    const bool is_block = rk_dtype_describe(dtype)->class_ == RK_CLASS_BLOCK;
    const unsigned implied = is_block ? rk_dtype_version(dtype) : 101;
    if (*container == 0) *container = implied;
    rk_dtype same;
    if (rk_dtype_in_version(&same, dtype, *container)) return same;
    char name[NAME];
    cli_misuse("%s: %s exists in model files of version %u alone, not in %u", what,
               plain_name(name, dtype), implied, *container);
}

bool cli_parse_dtype_list(void *out, const char *text, char reason[CLI_REASON]) {
    cli_dtype_list list = {0};
    for (const char *name = text;;) {
        const size_t length = strcspn(name, ",");
        char word[48];
        snprintf(word, sizeof word, "%.*s", (int)(length < 47 ? length : 47), name);
        if (list.count == CLI_MAX_DTYPES) {
            snprintf(reason, CLI_REASON, "more than %d types", CLI_MAX_DTYPES);
            return false;
        }
        if (!parse_one(&list.items[list.count++], word, rk_dtype_parse, reason)) return false;
        if (name[length] == '\0') break;
        name += length + 1;
    }
    *(cli_dtype_list *)out = list;
    return true;
}
