// What the files of cuda/ share: the weights of a stage, the workspace of a context, one pass.
#ifndef RK_CUDA_INTERNAL_H
#define RK_CUDA_INTERNAL_H

#include "cuda/cuda_blas.h"
#include "cuda/cuda_kernels.h"
#include "cuda/cuda_memory.h"
#include "stage/placement.h"
#include "stage/stage.h"

typedef struct rk__pass rk__pass;

// A weight matrix on a GPU.
struct rk__matrix {
    const char *name; // borrowed from the model's file; NULL: part of one that has been named
    rk__gpu_matrix gpu;
    bool is_wide; // holds values beyond FP16: never multiplied as that
};

// What a version's time mixing is on a GPU. (Channel mixing is the same for all.)
typedef struct rk__cuda_version {
    rk_arch arch;
    size_t n_inputs;  // inputs of products that it keeps at once
    size_t n_vectors; // further vectors of n_embd a token
    size_t (*input_width)(const rk_dims *dims, const rk__sizes *sizes, size_t i); // NULL: n_embd
    bool shifts_towards_previous;
    bool hands_on_value; // vector first_value goes on to the next stage
    size_t first_value;
    // Starts what takes the residual stream, workspace->x, through the first half of a layer.
    void (*time_mixing)(rk__pass *pass);
} rk__cuda_version;

extern const rk__cuda_version rk__cuda_rwkv4; // cuda_rwkv4.c, and so on
extern const rk__cuda_version rk__cuda_rwkv5;
extern const rk__cuda_version rk__cuda_rwkv6;
extern const rk__cuda_version rk__cuda_rwkv7;

// Weights that lie in one piece: those of a layer, those before the layers, those after them.
typedef struct rk__cuda_unit {
    size_t bytes;
    uint8_t *data; // where kernels find it: of its own, or a buffer that it is streamed to
    uint8_t *host; // pinned memory that it is streamed from; NULL: it stays on the device
} rk__cuda_unit;

struct rk__stage {
    size_t device;
    const rk__arch *arch;
    const rk__cuda_version *version;
    rk_dims dims;
    rk__sizes sizes;
    float group_norm_eps;
    size_t first_layer, n_layers;
    size_t n_resident; // the first of its layers stay on the device
    bool has_embedding, has_head;
    rk__outer_weights outer;
    uint8_t *layers;      // owned: [n_layers] structs of arch->layer_bytes
    rk__matrix *matrices; // owned: [n_matrices]
    size_t n_matrices;
    rk__cuda_unit *units; // owned: [n_layers + 2], the last two before and after the layers
    uint8_t *buffers[RK__STREAM_BUFFERS];
    float *empty_state; // owned: of one sequence, on the host
    size_t layer_floats, n_vector_floats;
    rk__gpu_pieces pieces;
};

// State of n_sequences sequences in its flat form: [sequence][layer][state_rows][n_embd].
struct rk__stage_state {
    const rk__stage *stage;
    size_t n_sequences;
    size_t sequence_floats;
    float *data; // on the device
    rk__gpu_pieces pieces;
    rk_status failed; // of an earlier call that could not say so
    rk_error error;
};

enum { RK__CUDA_INPUTS = 16, RK__CUDA_VECTORS = 16 };

// The input of products, with room for all its forms; which of them are filled is said where it is
// made.
typedef struct rk__cuda_input {
    rk__gpu_input gpu;
    size_t columns;
} rk__cuda_input;

// What a captured pass was for: another one is captured for anything else.
typedef struct rk__cuda_graph_key {
    const float *state;
    size_t n_tokens, n_spans, n_wanted, n_shown;
} rk__cuda_graph_key;

// Scratch memory for up to max_tokens tokens.
struct rk__workspace {
    const rk__stage *stage;
    size_t max_tokens, max_rows; // rows of logits, and of hidden, that are computed together
    rk__gpu_pieces pieces;
    rk__gpu_blas *blas; // NULL: there is none
    // Streams and events (cuda_runtime_api.h), owned.
    void *stream, *copy_stream;
    void *begun, *loaded[RK__STREAM_BUFFERS], *freed[RK__STREAM_BUFFERS];
    void *graph; // an executable one, owned, or NULL
    rk__cuda_graph_key graph_key, last_key;
    // On the device:
    float *x;                              // [tokens][n_embd], the residual stream
    rk__cuda_input input[RK__CUDA_INPUTS]; // of the version's time mixing; the first: n_embd wide
    float *vector[RK__CUDA_VECTORS];       // [tokens][n_embd]
    rk__cuda_input ffn_key, ffn_receptance, ffn_hidden;
    float *ffn_gate, *branch; // [tokens][n_embd]
    float *logits;            // [max_rows][n_vocab]
    float *hidden;            // [max_rows][n_embd]
    int32_t *numbers;         // of the tokens, as rk__gpu_tokens points to
    uint16_t *wide;           // RK__CUDA_WIDE_BYTES of a matrix as FP16
    void *blas_scratch;
    // Pinned, on the host:
    int32_t *host_numbers;
    float *host_x, *host_value; // between stages
    float *host_logits, *host_hidden;
    float *host_seen; // [RK__CUDA_SEEN_TOKENS][widest input], for observers
    size_t n_numbers;
};

// Up to so many tokens go through the kernels that read a matrix once for few of them.
enum {
    RK__CUDA_FEW_TOKENS = 16,
    RK__CUDA_SEEN_TOKENS = 16,
    RK__CUDA_LOGITS_ROWS = 64,
    RK__CUDA_WIDE_BYTES = 64 << 20,
};

// One pass over the stage: what is started for it, and the first failure of a start.
struct rk__pass {
    const rk__stage *stage;
    rk__workspace *workspace;
    const rk__batch *batch;
    const rk__stage_state *state;
    size_t n_tokens; // that products are started for
    rk__gpu_tokens tokens;
    const int32_t *wanted, *shown; // on the device
    size_t layer;                  // within the stage
    const void *weights;           // the layer's struct
    const rk__common_weights *common;
    unsigned code; // of CUDA
};

// ---- cuda_load.c

// Fills a new stage, whose description is there, with its weights. On failure it is to be closed.
rk_status rk__cuda_load(rk__stage *stage, const rk__weights *weights, rk__stage_part *part,
                        rk_error *err);

// ---- cuda_workspace.c

rk_status rk__cuda_workspace_new(rk__workspace **out, const rk__stage *stage, size_t max_tokens,
                                 size_t n_threads, rk_error *err);
void rk__cuda_workspace_free(rk__workspace **workspace);

// ---- cuda_state.c

rk_status rk__cuda_state_new(rk__stage_state **out, const rk__stage *stage, size_t n_sequences,
                             rk_error *err);
void rk__cuda_state_free(rk__stage_state **state);
void rk__cuda_state_clear(rk__stage_state *state, size_t sequence);
rk_status rk__cuda_state_export(const rk__stage_state *state, size_t sequence, float *flat,
                                rk_error *err);
rk_status rk__cuda_state_import(rk__stage_state *state, size_t sequence, const float *flat,
                                rk_error *err);

// ---- cuda_forward.c

rk_status rk__cuda_forward(const rk__stage *stage, rk__workspace *workspace, rk__stage_state *state,
                           const rk__batch *batch, rk_error *err);

// ---- cuda_layer.c: starting what layers consist of. Failures stay in pass->code, and nothing more
// is started after one.

// The layer's state of sequence 0, from row `row` on.
float *rk__cuda_state_row(const rk__pass *pass, size_t row);

// The input as a product with the readers (each may be NULL) wants it: the forms that it is not to
// be filled in are NULL.
rk__gpu_input rk__cuda_forms(const rk__pass *pass, const rk__cuda_input *input,
                             const rk__matrix *reader, const rk__matrix *other);

// A mix into an input.
typedef struct rk__cuda_mix {
    const float *weight, *addend;
    const rk__cuda_input *input;
    const rk__matrix *reader, *other;
} rk__cuda_mix;

// Layer norm, token shift and mixes; `keeps` where the state's row goes on to the next pass.
void rk__cuda_norm_mix(rk__pass *pass, const float *weight, const float *bias, size_t state_row,
                       bool keeps, const rk__cuda_mix *mixes, size_t n_mixes);

// One of the products that are started together; without a matrix it is left out.
typedef struct rk__cuda_job {
    const rk__matrix *matrix;
    const rk__cuda_input *input;
    float *out; // [tokens][rows]
    rk__gpu_ending ending;
    const float *gate;
} rk__cuda_job;

void rk__cuda_multiply(rk__pass *pass, const rk__cuda_job *jobs, size_t n_jobs);

// Fills in the forms that `reader` wants of an input whose x is there.
void rk__cuda_round(rk__pass *pass, const rk__cuda_input *input, const rk__matrix *reader);

// What the recurrences of versions with matrix states begin with.
rk__gpu_heads rk__cuda_heads(const rk__pass *pass, const float *ln_weight, const float *ln_bias,
                             float *out);

// The second half of a layer.
void rk__cuda_channel_mixing(rk__pass *pass);

// The first rows of a layer's state, the same in all versions.
enum { RK__CUDA_FFN_XX, RK__CUDA_ATT_XX, RK__CUDA_STATE_ROWS };

#endif
