// What the files of cpu/ share: the weights of a stage, the workspace of a context, one pass over a
// layer.
#ifndef RK_CPU_INTERNAL_H
#define RK_CPU_INTERNAL_H

#include "cpu/cpu_matrix.h"
#include "cpu/share.h"
#include "stage/stage.h"

typedef struct rk__pass rk__pass;

// What a version's time mixing is on the CPU. (Channel mixing is the same for all.)
typedef struct rk__cpu_version {
    rk_arch arch;
    size_t n_inputs;  // inputs of products that it keeps at once
    size_t n_vectors; // further vectors of n_embd a token that it keeps between its steps
    // Columns of input i; NULL: all have n_embd.
    size_t (*input_width)(const rk_dims *dims, const rk__sizes *sizes, size_t i);
    bool shifts_towards_previous; // mixes tokens by vector.shift; otherwise by vector.lerp
    bool hands_on_value;          // vector first_value goes on to the next stage
    size_t first_value;
    // Takes the residual stream to what is added to it: workspace->x to workspace->branch.
    void (*time_mixing)(const rk__pass *pass);
} rk__cpu_version;

extern const rk__cpu_version rk__cpu_rwkv4; // cpu_rwkv4.c, and so on
extern const rk__cpu_version rk__cpu_rwkv5;
extern const rk__cpu_version rk__cpu_rwkv6;
extern const rk__cpu_version rk__cpu_rwkv7;

struct rk__stage {
    rk__kernels kernels;
    const rk__arch *arch;
    const rk__cpu_version *version;
    rk_dims dims;
    rk__sizes sizes;
    float group_norm_eps;
    size_t first_layer, n_layers;
    bool has_embedding, has_head;
    rk__outer_weights outer;
    uint8_t *layers;      // owned: [n_layers] structs of arch->layer_bytes
    rk__matrix *matrices; // owned: [n_matrices]
    size_t n_matrices;
    uint8_t *panels; // owned: the matrices' data, one behind the other
    float *vectors;  // owned: all float vectors, one behind the other
    size_t n_vector_floats;
};

// Every layer's struct begins with what all versions have.
const rk__common_weights *rk__layer_common(const rk__stage *stage, size_t layer);

// State of n_sequences sequences in its flat form: [sequence][layer][state_rows][n_embd].
struct rk__stage_state {
    const rk__stage *stage;
    size_t n_sequences;
    size_t layer_floats; // state_rows * n_embd
    float *data;         // owned
};

enum { RK__MAX_INPUTS = 16, RK__MAX_VECTORS = 16 };

// Scratch memory for up to max_tokens tokens.
struct rk__workspace {
    size_t max_tokens;
    float *x;                          // [tokens][n_embd], the residual stream
    float *normed;                     // [tokens][n_embd], a layer norm's output
    float *branch;                     // [tokens][n_embd], what a layer's half adds to the stream
    rk__input input[RK__MAX_INPUTS];   // of the version's time mixing; the first is n_embd wide
    float *vector[RK__MAX_VECTORS];    // [tokens][n_embd], of the version's time mixing
    rk__input ffn_key, ffn_receptance; // [tokens][n_embd], channel mixing
    rk__input ffn_hidden;              // [tokens][n_ffn]
    float *ffn_gate;                   // [tokens][n_embd]
    float *logits;                     // [RK__LOGITS_TILE][n_vocab], on stages with a head
    void *row;                         // of the embedding, as it is stored
    uint8_t *panels;                   // [n_threads][panels_bytes], of rk__multiplication
    size_t panels_bytes;
};

// Epsilon of all layer norms.
static const float RK__LAYER_NORM_EPS = 1e-5F;

// The first rows of a layer's state, the same in all versions: the last inputs of the token shifts.
enum { RK__STATE_FFN_XX, RK__STATE_ATT_XX, RK__STATE_ROWS };

// Tokens whose logits are computed together when they cannot go straight to where they are wanted.
enum { RK__LOGITS_TILE = 16 };

// One layer applied to one batch: what every step of it needs.
struct rk__pass {
    const rk__stage *stage;
    rk__workspace *workspace;
    const rk__batch *batch;
    const void *weights;              // the layer's struct
    const rk__common_weights *common; // its beginning
    const rk__stage_state *state;     // its data is updated
    size_t layer;                     // within the stage
    // Mixes a token with its predecessor: vector.lerp or vector.shift, by version.
    void (*mix)(float *out, const float *x, const float *previous, const float *weight, size_t n);
};

// The state of the pass's layer for a sequence.
float *rk__pass_state(const rk__pass *pass, size_t sequence);

// A step: does share `thread` of the work.
typedef void (*rk__step)(const rk__pass *pass, size_t thread, size_t n_threads);

// Runs a step on all threads, or on the calling thread alone when there is little to do: one whose
// shares are tokens, and one whose shares are channels or heads, each with all tokens, as the
// recurrences have them.
void rk__run_token_step(const rk__pass *pass, rk__step step);
void rk__run_channel_step(const rk__pass *pass, rk__step step);

// Computes products that belong together, after showing their inputs to the observer; on all
// threads or, when there is little to do, on the calling one.
void rk__run_products(const rk__pass *pass, const rk__product_job *jobs, size_t n_jobs);

// Layer norm of this thread's tokens: workspace->x to workspace->normed.
void rk__norm_tokens(const rk__pass *pass, const float *weight, const float *bias, size_t thread,
                     size_t n_threads);

// What token `token` of a span sees as its predecessor: the row before it in workspace->normed, or,
// for the first one, row `state_row` of the sequence's state.
const float *rk__previous(const rk__pass *pass, const rk__span *span, size_t token,
                          size_t state_row);

// Keeps channels [share) of the last token of every span of workspace->normed in row `state_row` of
// its state, for the next call. Not before all tokens have read their predecessor.
void rk__keep_last(const rk__pass *pass, rk__share share, size_t state_row);

// Calls visit for every token of this thread's share, with the span it belongs to.
typedef void (*rk__token_visitor)(const rk__pass *pass, const rk__span *span, size_t token);
void rk__for_tokens(const rk__pass *pass, size_t thread, size_t n_threads, rk__token_visitor visit);

// Mixes one token of workspace->normed with its predecessor into the input of `reader`, rounded
// where that wants it.
void rk__mix_token(const rk__pass *pass, size_t token, const float *previous, const float *weight,
                   const rk__matrix *reader, rk__input *out);

// Rounds this thread's tokens of an input that `reader` multiplies, where it wants them rounded.
void rk__round_tokens(const rk__pass *pass, rk__input *input, const rk__matrix *reader,
                      size_t thread, size_t n_threads);

// ---- versions with matrix states, cpu_heads.c

// The state matrix of a head.
float *rk__head_state(const rk__pass *pass, size_t sequence, size_t head);

// Calls visit for every sequence and every head of this thread's share, then keeps the last inputs
// of the time mixing's token shift for these heads' channels.
typedef void (*rk__head_visitor)(const rk__pass *pass, const rk__span *span, size_t head);
void rk__for_heads(const rk__pass *pass, size_t thread, size_t n_threads, rk__head_visitor visit);

// Normalises the output of one head, [head_size], in place.
void rk__group_norm(const rk__pass *pass, float *y, const float *weight, const float *bias);

// ----

// Adds workspace->branch to the residual stream, for this thread's tokens.
void rk__add_branch(const rk__pass *pass, size_t thread, size_t n_threads);

// The second half of a layer, from the layer norm to the residual stream; adds workspace->branch,
// left by the first half, on the way. cpu_channel_mixing.c
void rk__channel_mixing(const rk__pass *pass);

#endif
