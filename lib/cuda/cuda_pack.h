// Rows of block formats as kernels read them: codes and steps apart, so that neighbouring threads
// read neighbouring bytes.
//
//     file    block after block:  d | m | fifth bits | codes
//     GPU     [rows][blocks]:     codes, 16 bytes (Q8_0: 32) of each block
//             [rows][blocks]:     d, or d and m (Q4_1, Q5_1)
//             [rows][blocks]:     fifth bits (Q5_0, Q5_1)
#ifndef RK_CUDA_PACK_H
#define RK_CUDA_PACK_H

#include <stdint.h>

#include "rk/tensor.h"

// Bytes of a block's parts; 0 where the format has no such part. For float types: of a value, with
// a "block" of one value.
typedef struct rk__gpu_layout {
    size_t block_values, values, steps, fifths;
} rk__gpu_layout;

// Of the types that models run in; all zeros for any other.
rk__gpu_layout rk__gpu_layout_of(rk_dtype dtype);

// Cuts n_blocks blocks as they lie in a file into their parts; what a format does not have is not
// written. Float types are copied.
void rk__gpu_pack(rk_dtype dtype, const uint8_t *blocks, size_t n_blocks, uint8_t *values,
                  uint8_t *steps, uint8_t *fifths);

// The other way round: for tests, and as the definition.
void rk__gpu_unpack(rk_dtype dtype, uint8_t *blocks, size_t n_blocks, const uint8_t *values,
                    const uint8_t *steps, const uint8_t *fifths);

#endif
