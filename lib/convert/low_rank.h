// The best approximation of a matrix by a product of two narrow ones.
#ifndef RK_CONVERT_LOW_RANK_H
#define RK_CONVERT_LOW_RANK_H

#include <stddef.h>

#include "base/error_internal.h"

// Finds b[rows][rank] and a[rank][columns] so that B A is d[rows][columns] cut to its largest
// singular values; each takes the roots of those. 0 < rank <= rows and columns, values finite. The
// same values for the same matrix. What it takes besides: some 1.5 * rank + 10 rows and columns.
//
// Subspace iteration finds the singular vectors: a basis of more directions than are wanted is
// multiplied with D and D^T in turn until it takes up no more of D. Exact for matrices whose rank
// is no higher; of others, where singular values beyond the rank are close to those within, it
// keeps as much as can be kept but for about one part in 10^6.
rk_status rk__low_rank(float *b, float *a, const float *d, size_t rows, size_t columns, size_t rank,
                       rk_error *err);

#endif
