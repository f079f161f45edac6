// Random projection: long vectors become short ones whose lengths, distances and angles are about
// the same (Johnson and Lindenstrauss).
#ifndef RK_PROJECTION_H
#define RK_PROJECTION_H

#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum { RK_PROJECTION_LEAST = 4 }; // the fewest columns there can be afterwards

typedef struct rk_projection {
    size_t n_in, n_out; // n_out is at least RK_PROJECTION_LEAST
    uint64_t seed;      // another seed is another projection
} rk_projection;

// out[row][n_out] = projection of rows[row][n_in]. Each column is added to four of the outputs, one
// in each quarter, times +1/2 or -1/2; where and with what sign follows from seed and column alone.
// The expected value of a squared length or a product is that of the rows; its relative error is
// about sqrt(2 / n_out). Sums are float64. ERR_ARGUMENT for an n_out out of range. Takes 8 n_rows
// n_out bytes while it runs; thread-safe.
rk_status rk_project(float *out, const rk_projection *projection, const float *rows, size_t n_rows,
                     rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
