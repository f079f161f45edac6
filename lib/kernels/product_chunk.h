// Activations as the products with block formats read them.
//
// Few tokens, a tile: in their arrays, as they are.
//
// Many tokens, a chunk: rearranged for kernels that hold a block of weights in
// registers and walk along the tokens with it, so that everything that one
// block of columns needs lies side by side. (In their arrays tokens are a whole
// row apart, often a power of two, and would push each other out of the cache.)
#ifndef RK_KERNELS_PRODUCT_CHUNK_H
#define RK_KERNELS_PRODUCT_CHUNK_H

#include <string.h>

#include "kernels/inlining.h"
#include "kernels/product.h"

// A tile's activations from one block of columns on: those of token t are at q
// + t * columns, scale + t * n_blocks, qsum + t * n_blocks.
typedef struct rk__tile_tokens {
    const int8_t *q;
    const float *scale;
    const int32_t *qsum;
    size_t columns, n_blocks;
} rk__tile_tokens;

enum {
    RK__CHUNK_TOKENS = 64,
    RK__CHUNK_BLOCKS = 8, // that are rearranged at a time; 20 KB, which fits the first cache
};

// One block of columns of a chunk's tokens.
typedef struct rk__chunk_block {
    int8_t q[RK__CHUNK_TOKENS][RK__Q8_BLOCK];
    float scale[RK__CHUNK_TOKENS];
    union {
        int32_t minus_zeros[RK__CHUNK_TOKENS]; // -zero * qsum: what codes that
                                               // count from 0 are off
        float scaled_sum[RK__CHUNK_TOKENS];    // scale * qsum, for formats with m
    };
} rk__chunk_block;

// Blocks [first, first + n_blocks) of n_tokens tokens. `zero` is the code that
// means 0, for formats without m.
static RK__ALWAYS_INLINE void rk__chunk_fill(rk__chunk_block *chunk, const rk__tile_tokens *tokens,
                                             size_t n_tokens, size_t first, size_t n_blocks,
                                             bool has_m, int32_t zero) {
    for (size_t t = 0; t < n_tokens; t++) {
        const size_t at = t * tokens->n_blocks + first;
        const int8_t *const q = tokens->q + at * RK__Q8_BLOCK;
        RK__UNROLL
        for (size_t i = 0; i < RK__CHUNK_BLOCKS * RK__Q8_BLOCK; i += RK__Q8_BLOCK * 2) {
            __builtin_prefetch(q + n_blocks * RK__Q8_BLOCK + i); // what is filled in next
        }
        for (size_t b = 0; b < n_blocks; b++) {
            const float scale = tokens->scale[at + b];
            const int32_t qsum = tokens->qsum[at + b];
            memcpy(chunk[b].q[t], q + b * RK__Q8_BLOCK, RK__Q8_BLOCK);
            chunk[b].scale[t] = scale;
            if (has_m) {
                chunk[b].scaled_sum[t] = scale * (float)qsum;
            } else {
                chunk[b].minus_zeros[t] = -zero * qsum;
            }
        }
    }
}

#endif
