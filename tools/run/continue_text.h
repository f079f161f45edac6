// One text: a prompt in, its continuation out.
#ifndef RUN_CONTINUE_TEXT_H
#define RUN_CONTINUE_TEXT_H

#include "cli/text_file.h"
#include "run/loaded_model.h"
#include "run/settings.h"

// What a run works with; everything is borrowed.
typedef struct text_job {
    const loaded_model *model;
    const cli_text *prompt;
    const run_settings *settings;
    const sampling *sampling; // its options with the tokenizer
    const ending *ending;
    const cli_common *common;
} text_job;

// The session that a job begins with: empty, or as --init-state or --state-in have it. Owned by the
// caller; NULL on failure.
rk_status open_session(rk_session **session, const text_job *job, rk_error *err);

// Each returns an exit code after whatever messages there are.
int continue_text(const text_job *job);
int search_beams(const text_job *job);

#endif
