// Embeddings: texts, given as tokens, become vectors taken from what a model is in after it has
// read them.
//
// An embedding is a row of floats: layer after layer the vectors of the sources that every layer
// has, in their order, then those that there are once, in theirs. What its columns mean depends on
// the model and on the options; rk_embedder_describe says it in words, and files that belong to
// such vectors keep these words.
#ifndef RK_EMBED_H
#define RK_EMBED_H

#include "rk/model.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// What can be taken. aa and bb alone carry the factor exp(-pp), so they are not comparable between
// texts; their quotient, the weighted mean of the values seen, is.
typedef enum rk_embed_source {
    RK_EMBED_ATT_SHIFT,  // "att-shift": the last input of time mixing, n_embd a layer
    RK_EMBED_FFN_SHIFT,  // "ffn-shift": the last input of channel mixing, n_embd a layer
    RK_EMBED_AA,         // "aa", RWKV-4: n_embd a layer
    RK_EMBED_BB,         // "bb", RWKV-4: n_embd a layer
    RK_EMBED_AA_OVER_BB, // "aa/bb", RWKV-4: n_embd a layer
    RK_EMBED_WKV,        // "wkv", RWKV-5 and later: the heads' matrices, n_embd x head_size a layer
    RK_EMBED_HIDDEN,     // "hidden": once, n_embd, the output of the last layer norm
    RK_EMBED_COUNTS,     // "counts": once, n_vocab, the share that each token has in the text; what
                         // can be known without a model
    RK_EMBED_SOURCE_COUNT
} rk_embed_source;

// The name as quoted above. The argument must be one of the above.
const char *rk_embed_source_name(rk_embed_source source);

// Reads such a name, `length` bytes long. False when it is none; *out is then unchanged.
bool rk_embed_source_parse(rk_embed_source *out, const char *name, size_t length);

// What is taken when nothing else is asked for: of RWKV-4 att-shift, ffn-shift and aa/bb, of later
// versions wkv, which may be long (rk/projection.h makes it short). Returns their number.
size_t rk_embed_default_sources(rk_embed_source sources[RK_EMBED_SOURCE_COUNT], rk_arch arch);

// Which tokens of a text "hidden" is taken from.
typedef enum rk_embed_pooling {
    RK_EMBED_LAST, // the last one
    RK_EMBED_MEAN, // the mean over all of them
} rk_embed_pooling;

typedef struct rk_embed_options {
    const rk_embed_source *sources; // [n_sources], each at most once; NULL: the default ones
    size_t n_sources;
    // Layers, separated by commas: "0" is the first one, "-1" the last one, "25%" the one after a
    // quarter of the depth ("0%" the first, "100%" the last), "0..3" all between two of them. Each
    // counts once, in ascending order. NULL: all.
    const char *layers;
    rk_embed_pooling pooling;
    size_t batch;  // texts that are computed together; 0: 8
    rk_pool *pool; // borrowed as by a context; may be NULL
} rk_embed_options;

typedef struct rk_embedder rk_embedder;

// options NULL: defaults. ERR_UNSUPPORTED for sources that the version has not, ERR_ARGUMENT for
// layers that do not exist. *out is owned by the caller, NULL on failure; it holds the model. For
// one thread at a time. Freeing accepts NULL and makes *embedder NULL.
rk_status rk_embedder_new(rk_embedder **out, rk_model *model, const rk_embed_options *options,
                          rk_error *err);
void rk_embedder_free(rk_embedder **embedder);

// Floats of an embedding.
size_t rk_embedder_length(const rk_embedder *embedder);

// Texts that are computed together.
size_t rk_embedder_batch(const rk_embedder *embedder);

// Model and options in one line: "RWKV-4 f2d8c3f9a7b54e60 source=att-shift,aa/bb layers=0-4". The
// number is a fingerprint of the model, the same for every quantization of it. Lives as long as the
// embedder.
const char *rk_embedder_describe(const rk_embedder *embedder);

// A text as tokens.
typedef struct rk_embed_text {
    const uint32_t *tokens; // [n_tokens], borrowed
    size_t n_tokens;        // at least 1
} rk_embed_text;

// Reads every text from the empty state and writes its embedding to out[text][length]. The result
// does not depend on what is computed together. progress counts tokens; it may be NULL. A text
// without tokens is ERR_ARGUMENT, a token outside of the vocabulary ERR_RANGE. `out` is undefined
// after a failure. Values may be NaN or infinite where the model's are: rk_embedding_check tells.
rk_status rk_embedder_run(rk_embedder *embedder, const rk_embed_text *texts, size_t n_texts,
                          float *out, const rk_progress *progress, rk_error *err);

// The same vectors out of a state that was made in another way. ERR_UNSUPPORTED where hidden or
// counts are asked for, which no state holds; ERR_MISMATCH for a state of another model.
rk_status rk_embedder_take(rk_embedder *embedder, const rk_state *state, size_t sequence,
                           float *out, rk_error *err);

// ERR_RANGE, naming the first one, when a value is NaN or infinite.
rk_status rk_embedding_check(const float *embedding, size_t n, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
