// Importance matrices: what a calibration text tells about the inputs of a model's matrices, so
// that quantizing can be careful where it matters.
//
//     rk_imatrix *imatrix = NULL;
//     if (rk_imatrix_new(&imatrix, &err) != RK_OK ||
//         rk_imatrix_collect(imatrix, context, state, tokens, n, NULL, NULL, &err) != RK_OK ||
//         rk_imatrix_save(imatrix, "model.npz", RK_IMATRIX_NPZ, &err) != RK_OK) ...
//
// Collect from the model as it is before quantizing. docs/quantization.md has the files' layouts.
#ifndef RK_IMATRIX_H
#define RK_IMATRIX_H

#include "rk/model.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_imatrix rk_imatrix;

// What is known about the inputs of one matrix: a column of the matrix is multiplied by a channel.
// Matrices have entries of their own even where several read the same layer norm, since each sees
// another mix of tokens. Pointers live until the imatrix changes.
typedef struct rk_imatrix_entry {
    const char *name; // of the matrix, as model files call it
    size_t n_channels;
    uint64_t n_tokens;         // inputs seen
    const float *mean_squares; // [n_channels], finite and not negative
    // Mean products of channels within groups of neighbours (a multiple of 32, or all). Groups
    // begin at multiples of `group`, and the last one may be smaller. A group of n channels has
    // n (n + 1) / 2: for its channels i = 0 .. n - 1, one behind the other, those with channels
    // 0 .. i of it. rk_imatrix_product finds them. NULL and 0 where only mean squares are known.
    const float *moments;
    size_t group;
} rk_imatrix_entry;

// The mean product of two channels of one group, in either order.
float rk_imatrix_product(const rk_imatrix_entry *entry, size_t i, size_t j);

// An empty one. *out is owned by the caller; NULL on failure. Freeing accepts NULL and makes
// *imatrix NULL. While nothing is added to it any number of threads may read one.
rk_status rk_imatrix_new(rk_imatrix **out, rk_error *err);
void rk_imatrix_free(rk_imatrix **imatrix);

// Entries, in the order in which they were added, by number or by name; false: none has it.
size_t rk_imatrix_count(const rk_imatrix *imatrix);
rk_imatrix_entry rk_imatrix_at(const rk_imatrix *imatrix, size_t index); // index < count
bool rk_imatrix_find(const rk_imatrix *imatrix, const char *name, rk_imatrix_entry *out);

// Adds what `from` knows; the two weigh as many as the tokens they have seen. ERR_MISMATCH, naming
// the matrix, when they differ in its channels or their groups; `into` is then unchanged.
rk_status rk_imatrix_merge(rk_imatrix *into, const rk_imatrix *from, rk_error *err);

typedef struct rk_imatrix_options {
    // Channels of a group whose products are recorded, a multiple of 32 up to RK_IMATRIX_MAX_GROUP;
    // 0: RK_IMATRIX_GROUP. Every channel of every matrix takes 2 bytes times this number.
    size_t group;
    bool without_moments; // record mean squares alone
} rk_imatrix_options;

enum { RK_IMATRIX_GROUP = 256, RK_IMATRIX_MAX_GROUP = 4096 };

// Runs tokens[0 .. n) through the model, as one stream from the empty state, and adds what its
// matrices see. options and progress (which counts tokens) may be NULL. Sequence 0 of `state` is
// used. On failure the imatrix has what was seen before it. ERR_RANGE for a token outside of the
// vocabulary, ERR_MISMATCH for a state of another model or an imatrix of other groups, ERR_ARGUMENT
// for no tokens or a group out of range.
rk_status rk_imatrix_collect(rk_imatrix *imatrix, rk_context *context, rk_state *state,
                             const uint32_t *tokens, size_t n_tokens,
                             const rk_imatrix_options *options, const rk_progress *progress,
                             rk_error *err);

typedef enum rk_imatrix_layout {
    RK_IMATRIX_NPZ, // a NumPy archive: everything
    RK_IMATRIX_DAT, // llama.cpp's imatrix.dat: mean squares; tokens as calls of 512
} rk_imatrix_layout;

// Writes a file under a temporary name beside the target, flushes it to disk and renames it.
rk_status rk_imatrix_save(const rk_imatrix *imatrix, const char *path, rk_imatrix_layout layout,
                          rk_error *err);

// Reads a file of either layout, told by its content. *out is owned by the caller; NULL on failure.
rk_status rk_imatrix_load(rk_imatrix **out, const char *path, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
