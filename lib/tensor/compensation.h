// Making up for rounding errors in what is rounded later.
//
// A row of a matrix is multiplied with inputs whose channels go together. Where a weight has been
// rounded by an error e, the product is off by e times its channel; some of that can be said with
// other channels, by changing the weights that are still to be rounded. With H the mean of x x^T
// over the inputs x of calibration, the change that leaves least of the product's squared error is
// -e H_rr^-1 H_ri, i being the weight's channel and r those still to come. (That is what GPTQ does
// with a layer's Hessian.)
//
// Here channels are in groups of neighbours, H is taken as zero between groups, and errors are made
// up for within a group.
#ifndef RK_TENSOR_COMPENSATION_H
#define RK_TENSOR_COMPENSATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error_internal.h"

// What products of different channels are shortened by, and what is added to every mean square as a
// share of the group's average: the statistics are those of one text, and rounded to FP16. Between
// 0.001 and 0.1 it makes no difference that could be measured (docs/quantization.md).
#define RK__DAMPING 0.01

typedef struct rk__compensation {
    size_t columns, group; // the last group may be smaller
    // [columns][group], owned: when value i of a row has been rounded, factors[i][j] times what it
    // lost is to be taken from the j-th value of its group. Zero for those up to i.
    float *factors;
} rk__compensation;

rk_status rk__compensation_init(rk__compensation *out, size_t columns, size_t group, rk_error *err);
void rk__compensation_fini(rk__compensation *compensation);

size_t rk__compensation_groups(const rk__compensation *compensation);

// The products of n channels with each other, each counted once.
static inline size_t rk__triangle(size_t n) {
    return n * (n + 1) / 2;
}

// Computes the factors of one group from the mean squares of the columns' inputs, [columns], and
// their mean products, as rk_imatrix_entry has them. Several threads may work
// on groups at once, each with work of its own: 2 * group * group doubles. A group whose statistics
// contradict themselves is not compensated.
void rk__compensation_solve(rk__compensation *compensation, size_t index, const float *mean_squares,
                            const float *moments, double *work);

#endif
