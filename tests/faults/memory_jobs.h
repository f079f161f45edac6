// Work that the library is given while an allocation fails: from nothing to nothing, everything
// released again, whatever happens.
#ifndef TEST_MEMORY_JOBS_H
#define TEST_MEMORY_JOBS_H

#include "rk/error.h"

typedef struct memory_job {
    const char *name;
    rk_status (*run)(rk_error *err);
    const char *output; // in the scratch folder: there after a success, and never else; or NULL
} memory_job;

extern const memory_job memory_jobs[]; // ended by one without a name

// Makes the files that jobs read. Ends the program when it cannot.
void memory_jobs_prepare(void);

#endif
