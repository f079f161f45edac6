// Searching the numbers that a block shares, its step d and least value m, instead of taking them
// from its extremes: those that make the weighted sum of squared errors small. The blocks are those
// of version 101, written and read like any other.
//
// The search takes floats as they come: any finite values, any weights. Where it finds nothing
// (zeros, values beyond what an FP16 step reaches), it gives what the reference rounding gives.
#ifndef RK_TENSOR_BLOCK_SEARCH_H
#define RK_TENSOR_BLOCK_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "rk/tensor.h"
#include "tensor/blocks.h"

// The numbers of a block, already rounded to FP16. m is 0 in formats without one.
typedef struct rk__block_fit {
    float d, m;
} rk__block_fit;

// Finds the numbers of a block for these values, weighted by these weights (>= 0, at most those
// relative to each other matter).
//
// Candidates (search_candidates.h) are computed in groups of RK__SEARCH_LANES, one a lane. A
// candidate gives every value the code nearest to its position; its numbers become those of
// weighted least squares for these codes, rounded to FP16; its gain is what they take from the
// weighted sum of squares. It is refined by codes for the new numbers and numbers for those codes,
// in turns: around a middle code the first of a lane's best candidates, above a least value every
// one. The first lane with the largest gain wins. All sums are float32, in the order of the values;
// products and sums are rounded one by one.
typedef rk__block_fit (*rk__block_fitter)(const float values[RK__BLOCK],
                                          const float weights[RK__BLOCK]);

enum { RK__SEARCH_LANES = 8 };

// The scalar fitters; NULL for types that nothing is searched for.
rk__block_fitter rk__block_fitter_of(rk_dtype dtype);

// The codes of a format with a fitter: whole numbers least .. most, each worth code * d + m, and
// stored as code - least.
typedef struct rk__code_range {
    float least, most;
} rk__code_range;
rk__code_range rk__code_range_of(rk_dtype dtype);

// Writes a block of such a format.
void rk__store_fitted(rk_dtype dtype, void *block, rk__block_fit fit, const float codes[RK__BLOCK]);

// The whole number nearest to x, halves to even, kept within the range; NaN gives its least one.
// (Adding 1.5 * 2^23 leaves no bits for a fraction.)
static inline float rk__nearest_code_within(float x, rk__code_range range) {
    const float no_fraction = 0x1.8p23f;
    const float above = x > range.least ? x : range.least;
    const float kept = above < range.most ? above : range.most;
    return (kept + no_fraction) - no_fraction;
}

#endif
