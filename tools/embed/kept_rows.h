// Rows kept in memory, with what their texts are called.
#ifndef EMBED_KEPT_ROWS_H
#define EMBED_KEPT_ROWS_H

#include "embed/embed_jobs.h"
#include "embed/embed_loop.h"

typedef struct kept_rows {
    size_t count, capacity, length;
    size_t most;    // 0: any number; more than this is a failure
    bool keep_text; // a preview of it
    float *values;  // [count][length], owned
    char **labels;  // [count], owned, each too; NULL for texts without one
    char **ids;     // [count], owned, each too: JSON
    char **texts;   // [count], owned, each too; previews, or NULL
} kept_rows;

// Embeds all texts of a job and keeps the rows. Returns an exit code. To be freed in any case.
int kept_rows_collect(kept_rows *rows, const embed_job *job);
void kept_rows_free(kept_rows *rows);

#endif
