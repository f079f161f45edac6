// Running tasks.
#ifndef TASK_RUN_H
#define TASK_RUN_H

#include "perplexity/measure.h"

// Scores the job's task and fills out->task. Returns an exit code; failures have been reported.
int task_measure(result *out, const bench *b, const measure_job *job);

#endif
