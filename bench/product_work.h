// A product of the kernel table as work to be measured: a matrix of some type and shape, enough
// copies of it that every pass reads it from memory, and activations.
#ifndef BENCH_PRODUCT_WORK_H
#define BENCH_PRODUCT_WORK_H

#include "comparison.h"
#include "kernels/kernels.h"

typedef struct product_matrix {
    rk_pool *pool; // borrowed
    rk__product product;
    rk_dtype dtype;
    size_t rows, columns;
    size_t panel_bytes, matrix_bytes;
    size_t n_copies;
    uint8_t *panels; // [n_copies][matrix_bytes], owned
} product_matrix;

// Random weights. The copies take about `bytes` together, at least one matrix. Ends the program
// when there is no memory for them.
void product_matrix_init(product_matrix *matrix, const rk__kernels *kernels, rk_pool *pool,
                         rk_dtype dtype, size_t rows, size_t columns, size_t bytes);
void product_matrix_fini(product_matrix *matrix);

// Packing a matrix again and again, from rows in memory to its panels.
typedef struct pack_run {
    const product_matrix *matrix; // borrowed; its panels are written
    uint8_t *rows;                // [n_copies][matrix_bytes], owned
    size_t copy;
} pack_run;

void pack_run_init(pack_run *run, const rk__kernels *kernels, const product_matrix *matrix);
void pack_run_fini(pack_run *run);

// Amounts are bytes of rows. Borrows the run.
bench_work pack_work(pack_run *run);

// What the amounts of a product's work are.
typedef enum product_amount {
    AMOUNT_BYTES,      // of the matrix
    AMOUNT_OPERATIONS, // 2 for each weight and token
    AMOUNT_TOKENS,     // multiplied with a whole matrix
} product_amount;

// The matrix with some tokens.
typedef struct product_run {
    const product_matrix *matrix; // borrowed
    product_amount amount;
    size_t n_tokens;
    size_t piece_rows; // rows multiplied at a time
    size_t copy, row;  // where the next piece begins
    rk__activations input;
    float *x; // owned, and so are those below
    int8_t *q;
    float *scale;
    int32_t *qsum;
    float *out; // [n_tokens][rows]
} product_run;

void product_run_init(product_run *run, const rk__kernels *kernels, const product_matrix *matrix,
                      size_t n_tokens, product_amount amount);
void product_run_fini(product_run *run);

// Borrows the run.
bench_work product_work(product_run *run);

#endif
