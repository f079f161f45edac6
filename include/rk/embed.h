// State embeddings: vectors taken from a sequence's state, and .npy files to keep them in.
#ifndef RK_EMBED_H
#define RK_EMBED_H

#include "rk/model.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// What can be taken from a state of RWKV-4, n_embd floats a layer each. xx are the last inputs of
// time mixing and channel mixing; aa / bb is the weighted mean of the values seen. aa and bb alone
// carry the factor exp(-pp), so they are not comparable between texts; their quotient is.
typedef enum rk_state_vector {
    RK_STATE_ATT_XX,
    RK_STATE_FFN_XX,
    RK_STATE_AA,
    RK_STATE_BB,
    RK_STATE_AA_OVER_BB,
    RK_STATE_VECTOR_COUNT
} rk_state_vector;

// "att_xx", "ffn_xx", "aa", "bb", "aa/bb". The argument must be one of the above.
const char *rk_state_vector_name(rk_state_vector vector);

// Reads such a name, `length` bytes long. False when it is none; *out is then unchanged.
bool rk_state_vector_parse(rk_state_vector *out, const char *name, size_t length);

// Floats that rk_state_vectors gives: layers x vectors x n_embd. ERR_UNSUPPORTED for versions
// without them.
rk_status rk_state_vectors_length(size_t *out, const rk_model *model, size_t n_vectors,
                                  rk_error *err);

// Writes out[n_layer][n_vectors][n_embd]: layer after layer the vectors asked for, in their order.
// n_floats has to be what rk_state_vectors_length says (ERR_SHAPE). 0 / 0 (an empty state) gives 0.
rk_status rk_state_vectors(const rk_state *state, size_t sequence, const rk_state_vector *vectors,
                           size_t n_vectors, float *out, size_t n_floats, rk_error *err);

// A NumPy file (.npy version 1.0, '<f4', C order) of rows that are n_columns wide. It is written
// row by row beside the target; the number of rows is filled in at the end.
typedef struct rk_npy rk_npy;

// n_columns is at least 1. *out is owned by the caller: rk_npy_commit or rk_npy_abort; NULL on
// failure.
rk_status rk_npy_create(rk_npy **out, const char *path, size_t n_columns, rk_error *err);

// Appends row[n_columns]. After a failure only rk_npy_abort makes sense.
rk_status rk_npy_append(rk_npy *npy, const float *row, rk_error *err);

// Finishes the file, flushes it to disk and gives it its name. *npy becomes NULL, also on failure,
// which leaves no file (and an older one as it was).
rk_status rk_npy_commit(rk_npy **npy, rk_error *err);

// Gives the file up; NULL is fine; *npy becomes NULL.
void rk_npy_abort(rk_npy **npy);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
