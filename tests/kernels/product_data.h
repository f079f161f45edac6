// Matrices and activations for checking products, and what the products are, in double precision
// and straight from the bytes of the file's layout: nothing here knows of panels.
#ifndef PRODUCT_DATA_H
#define PRODUCT_DATA_H

#include "kernels/product.h"

// What the numbers are like.
typedef enum data_kind {
    DATA_RANDOM,
    DATA_EXACT, // whole numbers and powers of two: every step of the product is exact
    DATA_FULL,  // exact, with codes and activations at the ends of their ranges
    DATA_ZEROS,
    DATA_DENORMAL,
    DATA_EXTREME, // magnitudes far apart, up to the largest
    DATA_KIND_COUNT
} data_kind;

bool data_kind_is_exact(data_kind kind);

// A matrix in a file's layout.
typedef struct test_matrix {
    rk_dtype dtype;
    size_t n_rows, columns, row_bytes;
    uint8_t *rows; // n_rows x row_bytes, at an odd address
    uint8_t *memory;
} test_matrix;

test_matrix test_matrix_new(rk_dtype dtype, data_kind kind, size_t n_rows, size_t columns);
void test_matrix_free(test_matrix *matrix);

// Activations in the form that products with a type read: x, or q, scale and qsum; the rest is
// NULL.
typedef struct test_tokens {
    size_t n_tokens, columns;
    float *x;
    int8_t *q;
    float *scale;
    int32_t *qsum;
    void *memory[3];
} test_tokens;

test_tokens test_tokens_new(rk_dtype dtype, data_kind kind, size_t n_tokens, size_t columns);
// As many tokens as columns, token c being 1 in column c and 0 elsewhere: the product is the
// transposed matrix.
test_tokens test_tokens_new_unit(rk_dtype dtype, size_t columns);
void test_tokens_free(test_tokens *tokens);

// The kernels' view of the tokens from `first` on.
rk__activations test_tokens_view(const test_tokens *tokens, size_t first);

// The product of a row and a token, and the error that a kernel may make: roundings relative to the
// sum of magnitudes, by the number of operations that kernels/product.h prescribes, each of 2^-24.
typedef struct exact_product {
    double value, limit;
} exact_product;

exact_product test_product(const test_matrix *matrix, size_t row, const test_tokens *tokens,
                           size_t token);

#endif
