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
    rk__product product; // all zeros: rows are looked up, not multiplied
    size_t panel_bytes;  // of a panel of product.panel_rows rows, or of a row
    // Panels, the last one filled with zero rows; or planes; or plain rows. Borrowed from the
    // stage.
    uint8_t *data;
    rk__planes planes; // all zeros: not held in planes
    // Where rows are read that stay in the file (data is NULL), borrowed; NULL otherwise.
    const rk__weights *weights;
    const rk__tensor_plan *tensor;
};

// Tensor `tensor` as it is to be held: as `dtype`, packed for `product`, which is for panels of
// that type. No data yet: cpu_load.h.
rk_status rk__matrix_describe(rk__matrix *matrix, const rk__product *product,
                              const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, rk_error *err);

// The same for a matrix whose input is mostly zeros: in planes where the type can be and the matrix
// is large enough for it to pay. `product` is used all the same, for many tokens. n_threads will
// multiply it, as far as is known.
rk_status rk__matrix_describe_sparse(rk__matrix *matrix, const rk__product *product,
                                     const rk__weights *weights, const rk__tensor_plan *tensor,
                                     rk_dtype dtype, size_t n_threads, rk_error *err);

// As plain rows that are looked up: the embedding. Where the file has them as they are wanted, they
// stay there.
rk_status rk__matrix_describe_rows(rk__matrix *matrix, const rk__weights *weights,
                                   const rk__tensor_plan *tensor, rk_dtype dtype, rk_error *err);

// Rows that are packed together.
size_t rk__matrix_unit_rows(const rk__matrix *matrix);

// Bytes that `data` is to have; 0 where rows stay in the file. False on overflow.
bool rk__matrix_packed_bytes(size_t *out, const rk__matrix *matrix);

// Row `row` of a matrix of plain rows as float32, [columns]. scratch: panel_bytes bytes.
rk_status rk__matrix_row(const rk__matrix *matrix, size_t row, void *scratch, float *out,
                         rk_error *err);

// The error that a row holds what is no number.
rk_status rk__matrix_refuse_row(const rk__matrix *matrix, const rk__weights *weights, size_t row,
                                rk_error *err);

// Bytes of all values in the type they are held in.
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

// What all threads need to multiply.
typedef struct rk__multiplication {
    const rk__product_job *jobs;
    size_t n_jobs, n_tokens;
    const rk__plane_kernels *planes;
    uint8_t *panels;     // scratch: [n_threads][panels_bytes]
    size_t panels_bytes; // rk__matrix_scratch_bytes of the matrices, at least
} rk__multiplication;

// Scratch memory that a thread needs to multiply a matrix with up to max_tokens tokens.
size_t rk__matrix_scratch_bytes(const rk__matrix *matrix, size_t max_tokens);

// Thread `thread`'s share of the rows of each product.
void rk__multiply_share(const rk__multiplication *work, size_t thread, size_t n_threads);

#endif
