// Models: open weights, keep states, compute logits.
//
//     rk_model *model = NULL;
//     rk_context *context = NULL;
//     rk_state *state = NULL;
//     float *logits = malloc(256 * sizeof *logits);
//     if (rk_model_open(&model, "model.bin", NULL, &err) != RK_OK ||
//         rk_context_new(&context, model, NULL, &err) != RK_OK ||
//         rk_state_new(&state, model, 1, &err) != RK_OK ||
//         rk_eval(context, state, tokens, n_tokens, RK_LOGITS_LAST, logits, &err) != RK_OK) ...
//
// A model holds weights and never changes: any number of threads may use it, each with a context of
// its own. A context holds the workspace of one evaluation at a time. A state holds what one or
// more sequences carry from token to token.
#ifndef RK_MODEL_H
#define RK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/checkpoint.h"
#include "rk/error.h"
#include "rk/pool.h"
#include "rk/progress.h"
#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_model rk_model;
typedef struct rk_context rk_context;
typedef struct rk_state rk_state;

// Versions of RWKV. New ones go behind the others: state and session files hold the number.
typedef enum rk_arch {
    RK_ARCH_RWKV4,
    RK_ARCH_RWKV5,
    RK_ARCH_RWKV6,
    RK_ARCH_RWKV7,
} rk_arch;

// Sizes of a model. Zero where a version has no such thing.
typedef struct rk_dims {
    size_t n_vocab;
    size_t n_embd;
    size_t n_layer;
    size_t n_ffn;     // width of the channel mixing
    size_t n_head;    // RWKV-5 and later
    size_t head_size; // n_embd / n_head
} rk_dims;

typedef struct rk_model_info {
    const char *path;
    rk_arch arch;
    const char *arch_name; // "RWKV-4"
    rk_dims dims;
    rk_dtype dtype; // of most matrices as they are held in memory
    uint64_t n_parameters;
    uint64_t weight_bytes;    // of all tensors in the types they are held in
    uint64_t embedding_bytes; // of those, the embedding's, of which a token reads one row
    size_t state_floats;      // length of one sequence's state in its flat form
    const char *strategy;     // where the layers are, in words: "cuda:0 Q8_0 *20 -> cpu FP32"
    const char *placement;    // the same as a table of lines: layers, device, type, MiB
} rk_model_info;

typedef struct rk_model_options {
    // Devices and types, as the RWKV world writes it: "cpu fp32", "cpu Q4_0", "cpu" (the types of
    // the file), "cuda fp16i8 *20 -> cpu fp32", "cuda:0 fp16 *20+", "auto" (docs/cuda.md). Weights
    // of another type are converted on load by the same type plan as `quantize` uses. NULL: "cpu".
    const char *strategy;
    rk_pool *pool;        // borrowed while loading; may be NULL
    rk_progress progress; // bytes of weights
    // Epsilon of RWKV-5's group norm; 0: 64e-5, which is what training means, as for RWKV-6 and 7.
    // rwkv.cpp uses 1e-5, and so does rwkv.h (docs/numerics.md).
    float rwkv5_group_norm_eps;
    uint64_t vram_bytes; // most of each GPU's memory for weights; 0: what is free, less some room
} rk_model_options;

// Opens any readable weights file whose tensors are an RWKV model's. Missing, surplus and misshapen
// tensors are reported together, by name. options NULL: defaults. *out is owned by the caller; NULL
// on failure.
rk_status rk_model_open(rk_model **out, const char *path, const rk_model_options *options,
                        rk_error *err);

// Gives up the caller's hold; the weights go when the last context and state on them are gone too.
// NULL is fine; *model becomes NULL.
void rk_model_close(rk_model **model);

// What the model is; lives, with its texts, as long as the model.
const rk_model_info *rk_model_describe(const rk_model *model);

// The sizes of the model in a weights file, without loading it: for what has to be known before, as
// which vocabulary it needs. The same files are refused as by rk_model_open, but for what is wrong
// with their values.
rk_status rk_model_read_dims(const char *path, rk_dims *dims, rk_error *err);

// The version of RWKV whose tensors these are ("RWKV-4"), or NULL when they are no complete
// model's.
const char *rk_checkpoint_architecture(const rk_checkpoint *checkpoint);

typedef struct rk_context_options {
    // Borrowed for the life of the context, used during calls; NULL: the calling thread alone. A
    // pool serves one call at a time, others compute without it: contexts used at the same time
    // want their own.
    rk_pool *pool;
    // Most tokens computed together, over all sequences; 0: 64, or 512 where layers are on a GPU.
    // Longer inputs are cut. The workspace takes about 80 n_embd bytes for each, on a GPU 150.
    size_t max_chunk;
} rk_context_options;

// Allocates the workspace; evaluation itself allocates nothing. options NULL: defaults. *out is
// owned by the caller, NULL on failure. A context is for one thread at a time. Freeing accepts NULL
// and makes *context NULL.
rk_status rk_context_new(rk_context **out, rk_model *model, const rk_context_options *options,
                         rk_error *err);
void rk_context_free(rk_context **context);

// The model of a context or state: borrowed, alive as long as they are.
rk_model *rk_context_model(const rk_context *context);
const rk_model *rk_state_model(const rk_state *state);

// States of n_sequences (at least 1) sequences, all empty. *out is owned by the caller, NULL on
// failure. A state is for one thread at a time. Freeing accepts NULL and makes *state NULL.
rk_status rk_state_new(rk_state **out, rk_model *model, size_t n_sequences, rk_error *err);
void rk_state_free(rk_state **state);

// How many sequences it holds.
size_t rk_state_sequences(const rk_state *state);

// Makes one sequence empty again. Here and below, a sequence that the state does not have is
// ERR_ARGUMENT.
rk_status rk_state_clear(rk_state *state, size_t sequence, rk_error *err);

// Copies one sequence over another, possibly of another state of the same model (ERR_MISMATCH when
// it is not).
rk_status rk_state_copy(rk_state *to, size_t to_sequence, const rk_state *from,
                        size_t from_sequence, rk_error *err);

// The flat float32 form of one sequence, state_floats long; layer after layer. RWKV-4: ffn_xx,
// att_xx, aa, bb, pp, n_embd floats each (docs/numerics.md). Another length is ERR_SHAPE.
rk_status rk_state_export(const rk_state *state, size_t sequence, float *flat, size_t n_floats,
                          rk_error *err);
rk_status rk_state_import(rk_state *state, size_t sequence, const float *flat, size_t n_floats,
                          rk_error *err);

// Which tokens' logits are wanted.
typedef enum rk_logits {
    RK_LOGITS_NONE,
    RK_LOGITS_LAST, // [n_vocab]
    RK_LOGITS_ALL,  // [n_tokens][n_vocab]
} rk_logits;

// The tokens that one sequence of a state is to be advanced by.
typedef struct rk_sequence {
    size_t index;           // which sequence of the state; each at most once in a call
    const uint32_t *tokens; // [n_tokens], each < n_vocab
    size_t n_tokens;        // 0: the sequence stays as it is, no logits
    rk_logits wanted;
    float *logits; // as `wanted` says; not touched with RK_LOGITS_NONE; may be NULL with `hidden`
    // NULL, or for the tokens that `wanted` names what logits are computed from: the output of the
    // last layer norm, n_embd floats each.
    float *hidden;
    // With RK_LOGITS_ALL: so many of the first tokens are left out of it; the rows of `logits` and
    // `hidden` begin with the token behind them.
    size_t n_unwanted;
} rk_sequence;

// Advances independent sequences together. With block formats the results are those of single runs,
// bit for bit, whatever is computed together and in whatever chunks (on GPUs: up to 16 tokens
// together, and then with all types; docs/cuda.md). Arguments are checked before anything changes:
// a token outside of the vocabulary is ERR_RANGE, a sequence that the state does not have, or that
// is named twice, ERR_ARGUMENT, a state of another model ERR_MISMATCH. After another failure the
// states named are undefined.
rk_status rk_eval_batch(rk_context *context, rk_state *state, const rk_sequence *sequences,
                        size_t n_sequences, rk_error *err);

// The same for sequence 0 alone.
rk_status rk_eval(rk_context *context, rk_state *state, const uint32_t *tokens, size_t n_tokens,
                  rk_logits wanted, float *logits, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
