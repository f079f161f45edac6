// What an importance matrix says about the tensors of a whole-file job, one tensor at a time.
#ifndef RK_CONVERT_SEARCH_H
#define RK_CONVERT_SEARCH_H

#include "convert/convert_plan.h"
#include "kernels/rows_search.h"
#include "rk/imatrix.h"

typedef struct rk__convert_search {
    const rk__convert_plan *plan;  // borrowed
    rk__search search;             // of the selected tensor; its importance NULL: nothing is known
    rk__compensation compensation; // owned
    double *work;                  // owned: for each thread, when factors are computed
} rk__convert_search;

// Does the importance matrix fit the model? ERR_MISMATCH, naming a matrix, when it has another
// number of channels; or when it knows nothing of any matrix that becomes blocks. *n_without counts
// those that it does not know.
rk_status rk__convert_check_imatrix(const rk__convert_plan *plan, uint64_t *n_without,
                                    rk_error *err);

void rk__convert_search_init(rk__convert_search *search, const rk__convert_plan *plan);
void rk__convert_search_fini(rk__convert_search *search);

// From here on `search` is that of this tensor, which becomes `dtype`.
rk_status rk__convert_search_select(rk__convert_search *search, const rk__tensor_plan *tensor,
                                    rk_dtype dtype, rk_error *err);

// Scratch memory of a thread, in floats, and what the job holds besides, in bytes: for whichever
// tensor of the plan it is largest. 0 without importance matrix.
size_t rk__convert_search_scratch(const rk__convert_plan *plan);
uint64_t rk__convert_search_bytes(const rk__convert_plan *plan);

#endif
