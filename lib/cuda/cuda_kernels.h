// The kernels as C sees them: one function a kernel, which starts it on a stream and returns CUDA's
// code of the start (0: fine). Pointers are to device memory unless said otherwise. Activations are
// float32, [tokens][columns], as on the CPU; sums run in a fixed order that depends neither on how
// many tokens are computed together nor on the grid, so that results are bit-equal over batches.
#ifndef RK_CUDA_KERNELS_H
#define RK_CUDA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;
typedef struct CUstream_st *rk__gpu_stream; // a cudaStream_t

// A matrix, [rows][columns]. Float types: `values` are the rows, `stride` values apart. Block
// formats (cuda_pack.h): `values` are the codes, `steps` the numbers d (Q4_1, Q5_1: pairs d, m) of
// each block, `fifths` the words of fifth bits of Q5_0 and Q5_1; [rows][blocks] each.
typedef struct rk__gpu_matrix {
    const void *values;
    const uint16_t *steps;
    const uint32_t *fifths;
    uint32_t rows, columns, stride;
    rk_dtype dtype;
} rk__gpu_matrix;

// The input of products: what somebody reads of it is not NULL. docs of q, scale, qsum:
// kernels/product.h.
typedef struct rk__gpu_input {
    float *x;       // [tokens][columns]
    int8_t *q;      // [tokens][columns]
    float *scale;   // [tokens][columns / 32]
    int32_t *qsum;  // [tokens][columns / 32]
    uint16_t *half; // [tokens][columns] as FP16, beyond 65504 that
} rk__gpu_input;

// The tokens of a pass.
typedef struct rk__gpu_tokens {
    const int32_t *token;    // [n_tokens]
    const int32_t *sequence; // [n_tokens], index in the state
    const int32_t *first;    // [n_tokens], first and last token of its span
    const int32_t *last;
    const int32_t *span_sequence, *span_first, *span_count; // [n_spans]
    uint32_t n_tokens, n_spans;
} rk__gpu_tokens;

// ---- norm_mix.cu

enum { RK__GPU_MIXES = 6 };

// One mix of a token with its predecessor: towards the previous token by weight (+ addend).
typedef struct rk__gpu_mix {
    const float *weight; // [n_embd]
    const float *addend; // [tokens][n_embd], or NULL
    rk__gpu_input out;
} rk__gpu_mix;

typedef struct rk__gpu_norm_mix {
    const float *x;             // [tokens][n_embd]
    const float *weight, *bias; // of the layer norm
    float *state;               // the row that keeps the last input of the token shift
    uint64_t sequence_floats;   // from one sequence's state to the next
    rk__gpu_tokens tokens;
    rk__gpu_mix mix[RK__GPU_MIXES];
    uint32_t n_mixes, n_embd;
    bool shifts_towards_previous; // x + w (previous - x); otherwise w x + (1 - w) previous
    bool keeps;                   // the state row is brought up to date
} rk__gpu_norm_mix;

unsigned rk__gpu_norm_mix_run(rk__gpu_stream stream, const rk__gpu_norm_mix *arguments);

// ---- norm_rows.cu

// Rows of the embedding, normalised, to x [tokens][n_embd].
typedef struct rk__gpu_embed {
    rk__gpu_matrix matrix;
    const int32_t *token;
    const float *weight, *bias;
    float *x;
    uint32_t n_tokens;
} rk__gpu_embed;

unsigned rk__gpu_embed_run(rk__gpu_stream stream, const rk__gpu_embed *arguments);

// Layer norm of rows index[0 .. n) of x.
typedef struct rk__gpu_norm_rows {
    const float *x;       // [][n_embd]
    const int32_t *index; // [n]
    const float *weight, *bias;
    rk__gpu_input out; // [n][n_embd]
    uint32_t n, n_embd;
} rk__gpu_norm_rows;

unsigned rk__gpu_norm_rows_run(rk__gpu_stream stream, const rk__gpu_norm_rows *arguments);

// ---- matvec_float.cu, matvec_block.cu; elementwise.cu for products made elsewhere

// What becomes of a product's value v.
typedef enum rk__gpu_ending {
    RK__END_STORE,        // out = v
    RK__END_ADD,          // out += v
    RK__END_GATED_ADD,    // out += v sigmoid(gate)
    RK__END_SQUARED_RELU, // out = max(v, 0)^2
    RK__END_TANH,
    RK__END_SIGMOID,
} rk__gpu_ending;

// out[t][r] = sum over c of matrix[r][c] * input[t][c].
typedef struct rk__gpu_product {
    rk__gpu_matrix matrix;
    rk__gpu_input input;
    float *out;        // [tokens][out_stride]
    const float *gate; // [tokens][out_stride], RK__END_GATED_ADD
    uint32_t out_stride;
    rk__gpu_ending ending;
} rk__gpu_product;

enum { RK__GPU_PRODUCTS = 8 };

// Products with matrices of one type, all for the same tokens.
typedef struct rk__gpu_products {
    rk__gpu_product product[RK__GPU_PRODUCTS];
    uint32_t first_block[RK__GPU_PRODUCTS + 1]; // in the grid; filled when it is started
    uint32_t n, n_tokens;
} rk__gpu_products;

unsigned rk__gpu_matvec_float_run(rk__gpu_stream stream, const rk__gpu_products *products);
unsigned rk__gpu_matvec_block_run(rk__gpu_stream stream, const rk__gpu_products *products);

// The ending of a product whose values, [n_tokens][rows], are in `product`.
typedef struct rk__gpu_end {
    const float *product;
    float *out;
    const float *gate;
    uint32_t rows, out_stride, n_tokens;
    rk__gpu_ending ending;
} rk__gpu_end;

unsigned rk__gpu_end_run(rk__gpu_stream stream, const rk__gpu_end *arguments);

// ---- elementwise.cu

// Fills the other forms of an input from its x, those that are not NULL.
typedef struct rk__gpu_round {
    rk__gpu_input input;
    uint32_t n_tokens, columns;
} rk__gpu_round;

unsigned rk__gpu_round_run(rk__gpu_stream stream, const rk__gpu_round *arguments);

// Rows [first, first + n) of a matrix as FP16, [n][columns].
typedef struct rk__gpu_widen {
    rk__gpu_matrix matrix;
    uint16_t *half;
    uint32_t first, n;
} rk__gpu_widen;

unsigned rk__gpu_widen_run(rk__gpu_stream stream, const rk__gpu_widen *arguments);

// ---- the recurrences, each over all tokens of each span: wkv4.cu, wkv6.cu, wkv7.cu

// RWKV-4; out = sigmoid(r) wkv.
typedef struct rk__gpu_wkv4 {
    const float *r, *k, *v;     // [tokens][n_embd]
    const float *first, *decay; // [n_embd]
    float *state;               // rows aa, bb, pp of the layer
    uint64_t sequence_floats;
    rk__gpu_tokens tokens;
    float *out; // [tokens][n_embd]
    uint32_t n_embd;
} rk__gpu_wkv4;

unsigned rk__gpu_wkv4_run(rk__gpu_stream stream, const rk__gpu_wkv4 *arguments);

// The heads of RWKV-5 and later have any size up to this.
enum { RK__GPU_HEAD_SIZE = 128 };

typedef struct rk__gpu_heads {
    float *state; // matrices of the layer's heads, [n_head][head_size][head_size]
    uint64_t sequence_floats;
    rk__gpu_tokens tokens;
    const float *ln_weight, *ln_bias; // group norm, [n_embd]
    float eps;
    uint32_t n_head, head_size;
    float *out; // [tokens][n_embd]
} rk__gpu_heads;

// RWKV-5 and 6; out = silu(gate) GroupNorm(wkv).
typedef struct rk__gpu_wkv6 {
    rk__gpu_heads heads;
    const float *r, *k, *v, *gate; // [tokens][n_embd]; gate may be NULL
    const float *first;            // [n_embd]
    const float *decay;            // [n_embd]; of RWKV-6 raw, and more a token:
    const float *token_decay;      // [tokens][n_embd], or NULL: RWKV-5
} rk__gpu_wkv6;

unsigned rk__gpu_wkv6_run(rk__gpu_stream stream, const rk__gpu_wkv6 *arguments);

// RWKV-7: gates, value residual, key, recurrence, group norm, bonus, gate.
typedef struct rk__gpu_wkv7 {
    rk__gpu_heads heads;
    const float *r, *k, *v, *gate;               // [tokens][n_embd]
    const float *decay, *rate, *residual;        // the same, raw; residual NULL: the first layer
    float *first_value;                          // the same; written by the first layer
    const float *w0, *a0, *v0, *k_k, *k_a, *r_k; // [n_embd]
} rk__gpu_wkv7;

unsigned rk__gpu_wkv7_run(rk__gpu_stream stream, const rk__gpu_wkv7 *arguments);

#ifdef __cplusplus
}
#endif

#endif
