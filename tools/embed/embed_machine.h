// A model that turns texts into vectors: tokenizer, embedder, and what is done to its rows.
#ifndef EMBED_MACHINE_H
#define EMBED_MACHINE_H

#include "embed/embed_settings.h"
#include "rk/projection.h"
#include "rk/text.h"
#include "rk/tokenizer.h"
#include "rk/vector_stats.h"

// Of embeddings of RWKV-5 and later when no source is named.
enum { EMBED_DEFAULT_LENGTH = 2048 };

typedef struct embed_machine {
    const char *path; // of the model, borrowed
    rk_pool *pool;
    rk_model *model;
    rk_tokenizer *tokenizer;
    rk_embedder *embedder;
    rk_vector_stats *stats;   // that rows are normalised with, or NULL
    rk_projection projection; // n_out 0: none
    bool l2, append_eos;
    uint32_t eos;
    size_t batch;
    size_t raw_length, length; // of a row as it is taken, and when it is done
    char *raw_key, *key;       // which rows these are, in a line
    float *raw;                // [batch][raw_length], of the last run
    float *rows;               // [batch][length]; raw itself when nothing is done to it
    size_t culprit;            // the text that the last run failed at
} embed_machine;

// Returns an exit code; failures have been reported. To be closed in any case.
int embed_machine_open(embed_machine *machine, const char *model, const embed_settings *settings,
                       const cli_common *common);
void embed_machine_close(embed_machine *machine);

// Embeds at most `batch` texts. A row that holds NaN or infinity is a failure.
rk_status embed_machine_run(embed_machine *machine, const rk_text *texts, size_t n_texts,
                            const rk_progress *progress, rk_error *err);

#endif
