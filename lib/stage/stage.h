// A stage: a run of consecutive layers on one device in one type. The embedding belongs to the
// first stage, the head to the last one. A model is a list of stages; a device is one
// rk__stage_ops.
#ifndef RK_STAGE_H
#define RK_STAGE_H

#include "rk/model.h"
#include "stage/strategy.h"
#include "weights/weights.h"

typedef struct rk__stage rk__stage;         // weights; constant after open, shared by threads
typedef struct rk__workspace rk__workspace; // scratch memory of one context
// The state of the stage's layers for some sequences
typedef struct rk__stage_state rk__stage_state;

// Consecutive tokens of one sequence within a batch.
typedef struct rk__span {
    size_t sequence; // index in the state
    size_t first;    // of its tokens in the batch
    size_t count;    // > 0
} rk__span;

// Sees the input of every matrix product: `tensor` is the matrix's name, x its input,
// [n_tokens][columns].
typedef struct rk__observer {
    void (*see)(void *user, const char *tensor, const float *x, size_t n_tokens, size_t columns);
    void *user;
} rk__observer;

// What is computed in one pass over the stages.
typedef struct rk__batch {
    const uint32_t *tokens; // [n_tokens]
    size_t n_tokens;        // at most the workspace's
    const rk__span *spans;  // [n_spans], in the order of their tokens, covering all of them
    size_t n_spans;
    float *x; // [n_tokens][n_embd], on the host: what one stage hands to the next
    // [n_tokens][n_embd], on the host, RWKV-7: the first layer's value, which a stage hands on, too
    float *first_value;
    const size_t *wanted; // [n_wanted] indices of the tokens whose logits the last stage computes
    float *const *logits; // [n_wanted] rows of n_vocab
    size_t n_wanted;
    const size_t *shown;  // [n_shown] indices of the tokens whose last layer norm is wanted
    float *const *hidden; // [n_shown] rows of n_embd
    size_t n_shown;
    const rk__observer *observer; // NULL: none
    rk_pool *pool;
} rk__batch;

// What a stage is made of.
typedef struct rk__stage_part {
    size_t first_layer, n_layers;
    bool has_embedding, has_head;
    size_t device_index; // among the devices of the stage's kind
    size_t n_resident;   // the first of its layers stay on the device, the others are streamed
    bool keep_types;     // of the file; otherwise dtype, by the type plan
    rk_dtype dtype;
    float group_norm_eps; // of RWKV-5 and later
    rk_pool *pool;        // while loading
    rk_progress progress; // of the whole model; `loaded` counts on through the stages
    uint64_t loaded, total;
} rk__stage_part;

typedef struct rk__stage_ops {
    const char *device; // "cpu"

    rk_status (*open)(rk__stage **out, const rk__weights *weights, rk__stage_part *part,
                      rk_error *err);
    void (*close)(rk__stage **stage);
    uint64_t (*weight_bytes)(const rk__stage *stage);
    uint64_t (*embedding_bytes)(const rk__stage *stage); // of those, the embedding's; or 0
    rk_dtype (*main_dtype)(const rk__stage *stage); // of most values in matrices, as they are held

    // For passes of up to max_tokens tokens on a pool of n_threads threads.
    rk_status (*workspace_new)(rk__workspace **out, const rk__stage *stage, size_t max_tokens,
                               size_t n_threads, rk_error *err);
    void (*workspace_free)(rk__workspace **workspace);

    rk_status (*state_new)(rk__stage_state **out, const rk__stage *stage, size_t n_sequences,
                           rk_error *err);
    void (*state_free)(rk__stage_state **state);
    void (*state_clear)(rk__stage_state *state, size_t sequence); // back to that of no tokens
    // The flat form of the stage's layers for one sequence: n_layers x state_rows x n_embd floats.
    rk_status (*state_export)(const rk__stage_state *state, size_t sequence, float *flat,
                              rk_error *err);
    rk_status (*state_import)(rk__stage_state *state, size_t sequence, const float *flat,
                              rk_error *err);

    // Takes batch->tokens (first stage) or batch->x to batch->x or batch->logits (last stage).
    rk_status (*forward)(const rk__stage *stage, rk__workspace *workspace, rk__stage_state *state,
                         const rk__batch *batch, rk_error *err);
} rk__stage_ops;

// The devices. A table in model/ chooses among them by strategy.
extern const rk__stage_ops rk__cpu_stage_ops;  // cpu/cpu_stage.c
extern const rk__stage_ops rk__cuda_stage_ops; // cuda/cuda_stage.c or cuda_absent.c

#endif
