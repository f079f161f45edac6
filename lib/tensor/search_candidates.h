// The candidates of the block searches: where they begin.
#ifndef RK_TENSOR_SEARCH_CANDIDATES_H
#define RK_TENSOR_SEARCH_CANDIDATES_H

#include "tensor/block_search.h"

enum {
    RK__AROUND_ZERO_GROUPS = 4, // of RK__SEARCH_LANES candidates
    RK__ABOVE_LEAST_GROUPS = 4,
    RK__SEARCH_REFINEMENTS = 2, // of each lane's best candidate
};

// Values matter when their weight is at least this share of the largest. One value of whatever size
// that its weight says nobody needs is not to decide where candidates begin.
static const float rk__weight_that_matters = 0x1p-6f;

// Formats around a middle code: position = value * spread / extreme, for a middle code of 8; twice
// that for 16. The extreme gets the code `spread`, so -8 is the reference's choice; with the other
// sign it is cut to 7. Larger spreads cut it off. In the last group the first half takes the
// extreme of the values that matter, the second half the weighted RMS of all, with the extreme's
// sign.
static const float rk__spreads[RK__AROUND_ZERO_GROUPS][RK__SEARCH_LANES] = {
    {-8.0f, -7.6f, -8.4f, -7.2f, -8.8f, -9.3f, -6.7f, -6.2f},
    {7.0f, 7.4f, 6.6f, 7.8f, 6.2f, 8.2f, 8.7f, 5.7f},
    {-9.9f, -10.7f, -12.0f, -14.0f, 9.3f, 10.0f, 11.2f, 13.0f},
    {-8.0f, -8.8f, 7.2f, 8.0f, -2.5f, -3.4f, 2.5f, 3.4f},
};

// Formats above a least value: the shares of the range that are cut off at its lower and its upper
// end; in the last group, the range of the values that matter.
static const float rk__cuts_below[RK__ABOVE_LEAST_GROUPS - 1][RK__SEARCH_LANES] = {
    {0.0f, 0.0f, 0.03f, 0.03f, 0.0f, 0.06f, 0.03f, 0.06f},
    {0.06f, 0.0f, 0.1f, 0.03f, 0.1f, 0.06f, 0.1f, -0.02f},
    {0.0f, 0.0f, 0.05f, 0.05f, 0.0f, 0.1f, 0.12f, -0.02f},
};
static const float rk__cuts_above[RK__ABOVE_LEAST_GROUPS - 1][RK__SEARCH_LANES] = {
    {0.0f, 0.03f, 0.0f, 0.03f, 0.06f, 0.0f, 0.06f, 0.03f},
    {0.06f, 0.1f, 0.0f, 0.1f, 0.03f, 0.1f, 0.06f, -0.02f},
    {0.0f, 0.05f, 0.0f, 0.05f, 0.1f, 0.0f, 0.12f, -0.02f},
};

// One group more: so many weighted standard deviations to each side of the weighted mean.
static const float rk__deviations[RK__SEARCH_LANES] = {1.9f, 2.2f, 1.6f, 2.5f,
                                                       2.9f, 1.3f, 3.4f, 4.0f};

#endif
