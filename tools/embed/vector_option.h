// The option --vectors: which vectors of the state make an embedding.
#ifndef EMBED_VECTOR_OPTION_H
#define EMBED_VECTOR_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "rk/embed.h"

typedef struct vector_list {
    rk_state_vector items[RK_STATE_VECTOR_COUNT];
    size_t count;
} vector_list;

// Names separated by commas, each at most once. `out` is a vector_list.
bool parse_vectors(void *out, const char *text, char reason[CLI_REASON]);

#endif
