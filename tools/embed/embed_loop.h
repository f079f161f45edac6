// The loop over the texts: some at a time become rows, which are handed on in the order of the
// texts.
#ifndef EMBED_LOOP_H
#define EMBED_LOOP_H

#include "embed/embed_machine.h"
#include "embed/partial_rows.h"
#include "embed/text_source.h"

typedef struct embedded_row {
    const text_item *item;
    uint64_t index;
    const float *raw;    // [raw_length], as it was taken from the model; NULL where it was resumed,
                         // and may be NULL where nobody wants it
    const float *values; // [length]
} embedded_row;

// Returns an exit code other than CLI_EXIT_DONE, after a message, to end the loop.
typedef int (*row_sink)(void *user, const embedded_row *row);

typedef struct embed_loop {
    embed_machine *machine;
    text_source *source;
    partial_rows *partial; // NULL: nothing is resumed
    row_sink take;
    void *user;
    bool wants_raw; // `take` reads rows' raw
    const cli_common *common;
} embed_loop;

// Returns an exit code; *n_rows becomes the number of texts.
int embed_loop_run(const embed_loop *loop, uint64_t *n_rows);

#endif
