// Names of element types on command lines. The library's table knows the types; nothing is listed
// here.
#include "cli/dtype_option.h"

#include <stdio.h>
#include <string.h>

typedef bool (*accept_fn)(rk_dtype dtype);

static bool is_run(rk_dtype dtype) {
    rk_dtype same;
    return rk_dtype_parse(&same, rk_dtype_describe(dtype)->name) && same == dtype;
}

// Model files have no type for bfloat16.
static bool is_written(rk_dtype dtype) {
    return is_run(dtype) && dtype != RK_DTYPE_BF16;
}

static void explain(char reason[CLI_REASON], const char *name, accept_fn accept) {
    int used = snprintf(reason, CLI_REASON, "'%.40s' is none of", name);
    const char *before = "";
    for (rk_dtype dtype = 0; dtype < RK_DTYPE_COUNT && used < CLI_REASON; dtype++) {
        if (!accept(dtype)) continue;
        used += snprintf(reason + used, (size_t)(CLI_REASON - used), "%s %s", before,
                         rk_dtype_describe(dtype)->name);
        before = ",";
    }
}

static bool parse_one(rk_dtype *out, const char *text, accept_fn accept, char reason[CLI_REASON]) {
    rk_dtype dtype;
    if (rk_dtype_parse(&dtype, text) && accept(dtype)) {
        *out = dtype;
        return true;
    }
    explain(reason, text, accept);
    return false;
}

bool cli_parse_file_dtype(void *out, const char *text, char reason[CLI_REASON]) {
    return parse_one(out, text, is_written, reason);
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
        if (!parse_one(&list.items[list.count++], word, is_run, reason)) return false;
        if (name[length] == '\0') break;
        name += length + 1;
    }
    *(cli_dtype_list *)out = list;
    return true;
}
