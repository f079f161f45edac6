// The mode --jsonl: requests in, answers out, in the same order.
#ifndef RUN_JSONL_LOOP_H
#define RUN_JSONL_LOOP_H

#include "run/loaded_model.h"
#include "run/settings.h"

// Answers the requests of a file ("-": standard input) until its end. Returns an exit code after
// whatever messages there are.
int answer_requests(const loaded_model *model, const char *path, const run_settings *settings);

#endif
