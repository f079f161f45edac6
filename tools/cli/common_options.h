// The options that mean the same in every program.
#ifndef CLI_COMMON_OPTIONS_H
#define CLI_COMMON_OPTIONS_H

#include "cli/options.h"

// Rows 0 .. 3 belong to the bits CLI_COMMON_THREADS, _CPU, _QUIET, _JSON in this order; the others
// are always there.
enum { CLI_N_COMMON_OPTIONS = 9, CLI_N_SELECTABLE_OPTIONS = 4 };
extern const cli_option cli_common_options[CLI_N_COMMON_OPTIONS];

// Makes the library use the instruction set that --cpu or RWKV_CPU names; a name that is none is
// misuse.
void cli_apply_cpu(const cli_common *common);

#endif
