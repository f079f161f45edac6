// Which vectors are alike.
#ifndef RK_SIMILARITY_H
#define RK_SIMILARITY_H

#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// The cosine of the angle between two vectors, in float64; 0 when one of them is all zeros.
double rk_cosine(const float *a, const float *b, size_t n);

typedef struct rk_neighbour {
    uint64_t row;
    double similarity; // the cosine
} rk_neighbour;

// The rows most like a query among any number of rows that pass by.
typedef struct rk_nearest rk_nearest;

// Keeps the best `most` (at least 1) rows. `query`, n_columns floats, is copied. *out is owned by
// the caller, NULL on failure. For one thread at a time. Freeing accepts NULL and makes *nearest
// NULL.
rk_status rk_nearest_new(rk_nearest **out, const float *query, size_t n_columns, size_t most,
                         rk_error *err);
void rk_nearest_free(rk_nearest **nearest);

// Compares vector[n_columns], which is row `row`. A vector with NaN is like nothing.
void rk_nearest_add(rk_nearest *nearest, uint64_t row, const float *vector);

// The best so far, the most similar first; of equal ones the row that was added earlier. Valid
// until the next call.
const rk_neighbour *rk_nearest_found(const rk_nearest *nearest, size_t *count);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
