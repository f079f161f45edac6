// Loading: the rows of weights read, checked and packed by all threads of a pool.
#ifndef RK_CPU_LOAD_H
#define RK_CPU_LOAD_H

#include "cpu/cpu_matrix.h"

// Loads the matrices of one stage, one after the other. What threads need on the way is kept from
// one to the next.
typedef struct rk__loader rk__loader;

// Borrows kernels, weights and pool (may be NULL). Release: rk__loader_free.
rk_status rk__loader_new(rk__loader **out, const rk__kernels *kernels, const rk__weights *weights,
                         rk_pool *pool, rk_error *err);
void rk__loader_free(rk__loader **loader);

// Fills matrix->data, which has room for rk__matrix_packed_bytes, with tensor `tensor`. A matrix
// whose rows stay in the file is read through and checked. Values that are no numbers are refused
// with the tensor's name and the first such row.
rk_status rk__loader_read(rk__loader *loader, const rk__matrix *matrix,
                          const rk__tensor_plan *tensor, rk_error *err);

#endif
