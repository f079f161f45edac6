// Names of element types on command lines.
#ifndef CLI_DTYPE_OPTION_H
#define CLI_DTYPE_OPTION_H

#include <stdbool.h>

#include "cli/options.h"
#include "rk/tensor.h"

// A type that model files are written in. False with the choices in `reason`. `out` is an rk_dtype.
bool cli_parse_file_dtype(void *out, const char *text, char reason[CLI_REASON]);

// Types that models run in, separated by commas.
enum { CLI_MAX_DTYPES = RK_DTYPE_COUNT };
typedef struct cli_dtype_list {
    rk_dtype items[CLI_MAX_DTYPES];
    size_t count;
} cli_dtype_list;

// `out` is a cli_dtype_list.
bool cli_parse_dtype_list(void *out, const char *text, char reason[CLI_REASON]);

#endif
