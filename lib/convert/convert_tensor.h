// One tensor of a whole-file job: its rows are read, changed, rounded and written in slabs, several
// at once, in bounded memory.
#ifndef RK_CONVERT_TENSOR_H
#define RK_CONVERT_TENSOR_H

#include "base/file.h"
#include "rk/convert.h"
#include "weights/weights.h"

// The buffers of one thread, each for the largest slab of the job.
typedef struct rk__convert_worker {
    float *values;  // the slab before rounding
    float *before;  // the slab before the adapters; NULL when there are none
    float *rounded; // a row after rounding; NULL when nothing is measured
    float *search;  // scratch memory of a search; NULL when it needs none
} rk__convert_worker;

// What the tensors of a job share.
typedef struct rk__convert_job {
    const rk__weights *weights;        // borrowed, as the next five
    const rk__search *search;          // of the tensor that is being written
    const rk__convert_worker *workers; // [rk_pool_threads(pool)]
    uint8_t *slots;                    // [n_slots][slot_bytes]: slabs between reading and writing
    rk__output *output;
    rk_pool *pool;
    size_t n_slots, slot_bytes;
    const char *output_path;
    bool measure; // the errors that a report tells
    rk_progress progress;
    uint64_t done, total; // bytes of input
} rk__convert_job;

// Slabs that so many threads keep on their way.
size_t rk__convert_slots(size_t n_threads);

// Rows, and floats, in the largest slab of a tensor, and its bytes in the type `dtype`. False on
// overflow or when its columns are no multiple of the block.
size_t rk__convert_slab_rows(const rk__tensor_plan *tensor);
bool rk__convert_slab_floats(size_t *out, const rk__tensor_plan *tensor);
bool rk__convert_slab_bytes(size_t *out, const rk__tensor_plan *tensor, rk_dtype dtype);

// Writes the rows of a tensor in the type `dtype`. Adds their number of bytes, what adapters change
// and, when the job measures, errors and values to the report (its rms_* fields are sums of squares
// until the record is complete). What has been written may be wrong when this fails: the
// checksum of the input is compared at the end.
rk_status rk__convert_write_rows(rk__convert_job *job, const rk__tensor_plan *tensor,
                                 rk_dtype dtype, rk_convert_tensor *report, rk_error *err);

#endif
