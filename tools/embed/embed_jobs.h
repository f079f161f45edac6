// What embed does: one function each. All return an exit code; failures have been reported.
#ifndef EMBED_JOBS_H
#define EMBED_JOBS_H

#include "embed/embed_machine.h"
#include "embed/text_source.h"

typedef struct embed_job {
    const embed_settings *settings;
    const cli_common *common;
    embed_machine *machine;
    text_source *source; // of the texts, whatever they are for
    const char *query;   // of a search, or NULL
} embed_job;

int job_write(const embed_job *job);      // vectors into a file, and statistics
int job_similarity(const embed_job *job); // of all texts with each other
int job_nearest(const embed_job *job);    // of all texts, or vectors in a file, to the query
int job_fit(const embed_job *job);        // a probe
int job_predict(const embed_job *job);    // what a probe says

#endif
