// A model that turns texts into embeddings.
#ifndef EMBEDDER_H
#define EMBEDDER_H

#include <stdbool.h>

#include "cli/options.h"
#include "embed/vector_option.h"
#include "rk/progress.h"
#include "rk/tokenizer.h"

typedef struct embedder {
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
    vector_list vectors;
    float *embedding; // [length], of the last text
    size_t length;
} embedder;

// False after a message; to be closed in any case.
bool embedder_open(embedder *embedder, const char *model, const vector_list *vectors,
                   const cli_common *common);
void embedder_close(embedder *embedder);

// Runs a text from the empty state; embedder->embedding holds the vectors of its final state
// afterwards. `progress` counts bytes of the text.
rk_status embedder_run(embedder *embedder, const char *text, size_t length,
                       const rk_progress *progress, rk_error *err);

#endif
