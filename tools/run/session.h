// A model made ready to continue texts.
#ifndef RUN_SESSION_H
#define RUN_SESSION_H

#include <stdbool.h>

#include "cli/options.h"
#include "rk/generate.h"

typedef struct run_session {
    rk_pool *pool;
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
    rk_sampler *sampler;
    double load_seconds;
} run_session;

// Returns an exit code; failures have been reported. To be closed in any case.
// tokenizer: a vocabulary file, or NULL for the one that the model calls for.
int session_open(run_session *session, const char *model, const char *strategy,
                 const char *tokenizer, const rk_sampler_options *sampling,
                 const cli_common *common);
void session_close(run_session *session);

#endif
