// Batches of texts that other processes embed (cli/ranks.h): rank 0 reads all texts and writes all
// rows, the others turn batches into rows.
#ifndef EMBED_RANKS_H
#define EMBED_RANKS_H

#include "embed/embed_machine.h"

// Have all opened the same model with the same options? Returns the exit code that all agree on.
int embed_ranks_check(int code, const embed_machine *machine);

// Ranks behind 0: embeds what rank 0 sends until it says that there is no more.
void embed_ranks_serve(embed_machine *machine);

// Rank 0: gives a rank a batch, and fetches its rows, in that order for each rank. The rows as they
// were taken are fetched where `raw` is not NULL. A failure is that of embed_machine_run, culprit
// and all.
void embed_ranks_give(size_t rank, const rk_text *texts, size_t n_texts);
rk_status embed_ranks_fetch(embed_machine *machine, size_t rank, size_t n_texts, float *rows,
                            float *raw, rk_error *err);

// Rank 0: there is no more.
void embed_ranks_dismiss(void);

#endif
