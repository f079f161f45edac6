// The shards of MiSS and Bone adapters: one small matrix, or a row of them, that changes a whole
// weight matrix.
//
//     added        W[i][j] += s M[j % size][i % width]
//     by columns   block W_b of columns [b size, (b + 1) size), and in it each of size x size:
//                  W_b += s (W_b M_b + M_b)
//     by rows      the same with the M of the block's rows
#ifndef RK_CONVERT_SHARDS_H
#define RK_CONVERT_SHARDS_H

#include "convert/adapter.h"

// Loaded for one matrix.
typedef struct rk__shards {
    float *values;   // owned: [n][size][size]; added ones [width][size]; NULL when there are none
    double *factors; // owned: I + s M of each block, factorised; NULL unless they are to be undone
    int *pivots;     // owned: [n][size]
    size_t size, width, n;
    rk__shard_layout layout;
    float scale;
} rk__shards;

// Of a tensor of the model that the adapter changes so; `undo` instead of applying them. Blocks
// that cannot be undone (I + s M is singular) are ERR_RANGE.
rk_status rk__shards_load(rk__shards *shards, const rk__adapter *adapter, size_t tensor, bool undo,
                          rk_error *err);
void rk__shards_free(rk__shards *shards);

// Changes rows [first, first + n_rows) of the matrix. Thread-safe.
rk_status rk__shards_apply(const rk__shards *shards, size_t first, size_t n_rows, size_t columns,
                           float *values, rk_error *err);

// Memory that the loaded shards of a tensor take, and that applying them to so many rows takes for
// each thread.
size_t rk__shards_bytes(const rk__adapter *adapter, size_t tensor, bool undo);
size_t rk__shards_scratch_bytes(const rk__adapter *adapter, size_t tensor, size_t n_rows);

#endif
