// Rows rounded to block formats by searching the blocks' numbers (tensor/block_search.h).
#ifndef RK_KERNELS_ROWS_SEARCH_H
#define RK_KERNELS_ROWS_SEARCH_H

#include "kernels/rows.h"
#include "tensor/compensation.h"

// What a search knows about a matrix. Zeros: nothing.
typedef struct rk__search {
    // [columns], mean squares of what the columns are multiplied with; or NULL. The weight of a
    // value x in a row whose mean square is r is
    //     r + x^2                          without importance: large values matter more than their
    //                                      number says, since nobody knows their channels' inputs
    //     importance * sqrt(r + x^2)       with it
    const float *importance;
    // Makes up for errors in columns that follow; or NULL. The values that are rounded are then no
    // longer those of the row.
    const rk__compensation *compensation;
} rk__search;

// Is there a search for the type?
bool rk__rows_can_search(const rk__rows *rows, rk_dtype dtype);

// Floats of scratch memory that rk__search_rows needs.
size_t rk__search_scratch(const rk__search *search, size_t n_rows);

// Writes n_rows rows of `columns` finite values, one behind the other, as blocks of a type that
// there is a search for. Rows do not depend on each other.
void rk__search_rows(const rk__rows *rows, rk_dtype dtype, const rk__search *search, void *out,
                     const float *values, size_t n_rows, size_t columns, float *scratch);

#endif
