// Names of element types on command lines.
#ifndef CLI_DTYPE_OPTION_H
#define CLI_DTYPE_OPTION_H

#include <stdbool.h>

#include "cli/options.h"
#include "rk/tensor.h"

// A type that model files are written in, by any of its names (rk_dtype_parse_stored). False with
// the choices in `reason`. `out` is an rk_dtype.
bool cli_parse_file_dtype(void *out, const char *text, char reason[CLI_REASON]);

// The version of model files to write, "v100" or "v101". `out` is an unsigned.
bool cli_parse_container(void *out, const char *text, char reason[CLI_REASON]);

// The type as files of the chosen version have it, and that version where none was chosen (0).
// Misuse when that version has no such type; `what` names the argument that gave the type.
rk_dtype cli_require_container(unsigned *container, rk_dtype dtype, const char *what);

// Types that models run in, separated by commas.
enum { CLI_MAX_DTYPES = RK_DTYPE_COUNT };
typedef struct cli_dtype_list {
    rk_dtype items[CLI_MAX_DTYPES];
    size_t count;
} cli_dtype_list;

// `out` is a cli_dtype_list.
bool cli_parse_dtype_list(void *out, const char *text, char reason[CLI_REASON]);

#endif
