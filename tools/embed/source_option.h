// The option --source.
#ifndef EMBED_SOURCE_OPTION_H
#define EMBED_SOURCE_OPTION_H

#include "cli/options.h"

// Names separated by commas, each at most once; "xx" stands for att-shift,ffn-shift. `out` is a
// source_list.
bool parse_sources(void *out, const char *text, char reason[CLI_REASON]);

#endif
