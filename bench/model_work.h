// What a model does, as work to be measured: steps of decoding, prefill, loading.
#ifndef BENCH_MODEL_WORK_H
#define BENCH_MODEL_WORK_H

#include "base/file.h"
#include "comparison.h"
#include "rk/model.h"

// Where the model comes from.
typedef struct model_origin {
    const char *path;              // of a file, or what to call the source
    const rk__file_source *source; // NULL: a file
    const char *strategy;          // NULL: as the weights are
} model_origin;

// Ends the program with a message when it cannot be opened. pool may be NULL. Release:
// rk_model_close.
rk_model *model_open(const model_origin *origin, rk_pool *pool);

// What one token reads and computes.
typedef struct model_costs {
    double bytes;           // of all weights but the embedding
    double layer_weights;   // values in the layers' matrices
    double head_weights;    // in the head
    double embedding_bytes; // of the whole table
} model_costs;

model_costs model_costs_of(const rk_model *model);

// What the amounts of a model's work are.
typedef enum model_amount {
    MODEL_BYTES,      // of weights
    MODEL_OPERATIONS, // 2 for each weight that a token is multiplied with
    MODEL_TOKENS,
} model_amount;

// Passes of n_tokens tokens of each of n_states sequences. Decoding is passes of one token.
typedef struct model_run {
    rk_context *context; // owned, and so are those below
    rk_state *state;
    rk_sequence *sequences; // [n_states]
    uint32_t *tokens;       // [n_states][n_tokens]
    float *logits;
    size_t n_states, n_tokens, n_vocab;
    double amount; // of a pass
    uint64_t position;
} model_run;

void model_run_init(model_run *run, rk_model *model, rk_pool *pool, size_t n_states,
                    size_t n_tokens, rk_logits wanted, model_amount amount);
void model_run_fini(model_run *run);

// Borrows the run.
bench_work model_run_work(model_run *run);

// Loading a file until it is ready for its first token; and what that is held against: copying as
// many bytes from memory to new memory of the kind that weights are kept in, on the same threads.
typedef struct load_run {
    const model_origin *origin; // borrowed
    rk_pool *pool;              // borrowed
    uint8_t *bytes;             // [size], owned
    size_t size;                // of the file
} load_run;

// Ends the program when the file cannot be read.
void load_run_init(load_run *run, const model_origin *origin, rk_pool *pool);
void load_run_fini(load_run *run);
bench_work load_run_work(load_run *run);
bench_work load_run_copy_work(load_run *run);

// Bytes of this process in memory now.
double resident_bytes(void);

#endif
