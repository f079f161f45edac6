// A model made ready to work with texts.
#ifndef RUN_LOADED_MODEL_H
#define RUN_LOADED_MODEL_H

#include "cli/options.h"
#include "rk/generate.h"
#include "run/settings.h"

typedef struct loaded_model {
    const char *path; // borrowed
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_tokenizer *tokenizer;
    size_t n_vocab;
    double load_seconds;
} loaded_model;

// Returns an exit code; failures have been reported. To be closed in any case.
int loaded_model_open(loaded_model *m, const char *path, const model_settings *settings,
                      const cli_common *common);
void loaded_model_close(loaded_model *m);

// The tokenizer alone, for a model that is not loaded; path NULL: for any. NULL after a message.
rk_tokenizer *open_tokenizer(const char *path, const model_settings *settings);

#endif
