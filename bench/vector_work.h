// Functions of the kernel table other than products as work to be measured: on arrays as long as a
// small model's, in the first cache, on the calling thread. Amounts are bytes read and written.
#ifndef BENCH_VECTOR_WORK_H
#define BENCH_VECTOR_WORK_H

#include "comparison.h"
#include "kernels/kernels.h"

enum {
    VECTOR_CHANNELS = 2048, // values of an array
    VECTOR_HEAD = 64,       // channels of a head, for recurrences with matrix states
    VECTOR_ARRAYS = 9,
};

typedef struct vector_run {
    const rk__kernels *kernels;   // borrowed
    size_t function;              // index, below vector_function_count
    float *arrays[VECTOR_ARRAYS]; // [VECTOR_CHANNELS], owned, and so are those below
    float *state;                 // [VECTOR_HEAD][VECTOR_HEAD]
    int8_t *q;
    int32_t *qsum;
} vector_run;

size_t vector_function_count(void);
const char *vector_function_name(size_t function);

void vector_run_init(vector_run *run, const rk__kernels *kernels, size_t function);
void vector_run_fini(vector_run *run);

// Borrows the run.
bench_work vector_work(vector_run *run);

#endif
