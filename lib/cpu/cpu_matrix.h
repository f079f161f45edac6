// A weight matrix on the CPU: packed once on load, then only multiplied.
#ifndef RK_CPU_MATRIX_H
#define RK_CPU_MATRIX_H

#include "arch/arch.h"
#include "kernels/kernels.h"
#include "rk/pool.h"
#include "weights/weights.h"

struct rk__matrix {
    const char *name; // borrowed from the model's file
    rk_dtype dtype;
    size_t rows, columns;
    rk__product product;
    size_t panel_bytes;
    uint8_t
        *data; // owned: panels of product.panel_rows rows, the last one filled with zero rows; or
               // plain rows of panel_bytes bytes each (rk__matrix_load_rows)
};

// Reads tensor `tensor` as `dtype` (a type that kernels multiply) and packs it, rows in parallel.
rk_status rk__matrix_load(rk__matrix *matrix, const rk__kernels *kernels,
                          const rk__weights *weights, const rk__tensor_plan *tensor, rk_dtype dtype,
                          rk_pool *pool, rk_error *err);

// Reads it as plain rows that are looked up, not multiplied: the embedding.
rk_status rk__matrix_load_rows(rk__matrix *matrix, const rk__weights *weights,
                               const rk__tensor_plan *tensor, rk_dtype dtype, rk_pool *pool,
                               rk_error *err);
void rk__matrix_fini(rk__matrix *matrix);

// Row `row` of a matrix of plain rows as float32, [columns].
void rk__matrix_row(const rk__matrix *matrix, size_t row, float *out);

uint64_t rk__matrix_bytes(const rk__matrix *matrix);

// The input of products for some tokens: as floats, and rounded to 8 bits per block for matrices
// that want it.
typedef struct rk__input {
    float *x;      // [tokens][columns]
    int8_t *q;     // [tokens][columns]
    float *scale;  // [tokens][columns / 32]
    int32_t *qsum; // [tokens][columns / 32]
    size_t columns;
} rk__input;

// Memory for `tokens` tokens; not initialised.
rk_status rk__input_init(rk__input *input, size_t tokens, size_t columns, rk_error *err);
void rk__input_fini(rk__input *input);

// Fills the 8-bit form of tokens [first, first + n) from x. Only matrices with
// product.quantized_input read it.
void rk__input_round(rk__input *input, const rk__kernels *kernels, size_t first, size_t n);

// One product of a group that is computed together: out[t][r] = sum over c of matrix[r][c] *
// input[t][c].
typedef struct rk__product_job {
    const rk__matrix *matrix;
    const rk__input *input;
    float *out;
    size_t out_stride; // floats from one token to the next
} rk__product_job;

// Thread `thread`'s share of the rows of each product.
void rk__multiply_share(const rk__product_job *jobs, size_t n_jobs, size_t n_tokens, size_t thread,
                        size_t n_threads);

#endif
