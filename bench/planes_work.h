// A product of planes (kernels/planes.h) with inputs of which a share is zero, as work to be
// measured; the same matrix in panels is what it is held against.
#ifndef BENCH_PLANES_WORK_H
#define BENCH_PLANES_WORK_H

#include "product_work.h"

// All copies of a matrix in planes.
typedef struct planes_matrix {
    const product_matrix *panels;     // borrowed
    const rk__plane_kernels *kernels; // borrowed
    rk__planes planes;                // of the copy that is next
    size_t matrix_bytes, copy;
    uint8_t *memory; // [panels->n_copies][matrix_bytes], owned
} planes_matrix;

// Ends the program when there is no memory.
void planes_matrix_init(planes_matrix *matrix, const rk__kernels *kernels,
                        const product_matrix *panels);
void planes_matrix_fini(planes_matrix *matrix);

// One token, of whose columns about `zeros` are zero, independently of each other.
typedef struct planes_run {
    planes_matrix *matrix; // borrowed
    product_run input;     // owned
    float *out;            // owned
} planes_run;

void planes_run_init(planes_run *run, const rk__kernels *kernels, planes_matrix *matrix,
                     double zeros);
void planes_run_fini(planes_run *run);

// Amounts are tokens. Borrows the run.
bench_work planes_work(planes_run *run);

#endif
