// A weights file seen as a model: its tensors found and checked by arch/, read with their values
// converted. What loads a model and what converts a file both read through this.
#ifndef RK_WEIGHTS_H
#define RK_WEIGHTS_H

#include "arch/type_plan.h"
#include "checkpoint/reading.h"
#include "kernels/rows_search.h"
#include "rk/checkpoint.h"

// Changes the values of a tensor as they are read: how adapters are merged. `values` holds rows
// [first, first + n_rows) of it, laid out as the weights are read, but a checkpoint's values: raw
// decays, whatever the file holds.
typedef struct rk__overlay {
    rk_status (*apply)(void *self, const rk__tensor_plan *tensor, size_t first, size_t n_rows,
                       float *values, rk_error *err);
    bool (*touches)(void *self, const rk__tensor_plan *tensor);
    void *self;
} rk__overlay;

typedef struct rk__weights {
    rk_checkpoint *file;  // owned
    rk__arch_plan plan;   // owned
    bool converted;       // the file already holds converted values (a model file)
    bool as_checkpoint;   // they are read as a checkpoint has them (rk__weights_read_as_checkpoint)
    bool moves_exactly;   // refuse to move codes whose steps have to be rounded
    bool searches;        // round to block formats by searching, where there is a search
    rk__overlay *overlay; // borrowed, or NULL
    rk__rows rows;
} rk__weights;

rk_status rk__weights_open(rk__weights *weights, const char *path, rk_error *err);

// The tensors below a root (rk_checkpoint_open_below).
rk_status rk__weights_open_below(rk__weights *weights, const char *path, const char *root,
                                 rk_error *err);

// Those of an open checkpoint, which it takes, also on failure.
rk_status rk__weights_adopt(rk__weights *weights, rk_checkpoint *file, rk_error *err);
void rk__weights_close(rk__weights *weights);

// From here on tensors are read in the convention of checkpoints instead of the model's: raw
// decays, small matrices the way round they are trained. The plan's rows and columns follow.
void rk__weights_read_as_checkpoint(rk__weights *weights);

// The tensor as the file declares it.
const rk_tensor_info *rk__weights_info(const rk__weights *weights, const rk__tensor_plan *tensor);

// The types of all tensors of the plan as the request wants them, *types[i] of tensor i; owned by
// the caller (rk__free).
rk_status rk__weights_plan_types(const rk__weights *weights, const rk__type_request *request,
                                 rk_dtype **types, rk_error *err);

// Bytes of the file that the tensor takes: those of its part, where it shares a tensor with others.
uint64_t rk__weights_source_bytes(const rk__weights *weights, const rk__tensor_plan *tensor);

// Does the overlay change it?
bool rk__weights_is_touched(const rk__weights *weights, const rk__tensor_plan *tensor);

// Rows [first, first + n) in the model's convention as float32, overlaid and converted. A vector is
// one row.
rk_status rk__weights_read_floats(const rk__weights *weights, const rk__tensor_plan *tensor,
                                  size_t first, size_t n, float *out, rk_error *err);

// Can rk__weights_read_stored be used: nothing has to be done to the bytes to have the tensor as
// `dtype`?
bool rk__weights_stored_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                           rk_dtype dtype);

// Rows [first, first + n) as they are stored; `size` bytes.
rk_status rk__weights_read_stored(const rk__weights *weights, const rk__tensor_plan *tensor,
                                  size_t first, size_t n, void *out, size_t size, rk_error *err);

// Is the tensor stored in the same format of the other version of model files, so that its codes
// only have to be moved to have it as `dtype`?
bool rk__weights_moves_to(const rk__weights *weights, const rk__tensor_plan *tensor,
                          rk_dtype dtype);

// Rows [first, first + n) in the type `dtype` (FP32, FP16, BF16 or a block format), size bytes:
// stored bytes where they serve, moved codes where these do, otherwise through `scratch`,
// n x columns floats, by the search or the reference rounding. Values that the type cannot hold
// (NaN or infinity in a block format; beyond 65504 in FP16 from a finite value; steps beyond FP16)
// are refused with the tensor's name. Unless the stored bytes served, scratch holds the values
// before rounding afterwards.
rk_status rk__weights_read_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, size_t first, size_t n, void *out, size_t size,
                              float *scratch, rk_error *err);

// The same where `searches` is set, and something is known about the tensor: its search, with
// scratch memory of its own (rk__search_scratch).
rk_status rk__weights_read_searched(const rk__weights *weights, const rk__tensor_plan *tensor,
                                    rk_dtype dtype, const rk__search *search, size_t first,
                                    size_t n, void *out, size_t size, float *scratch,
                                    float *search_scratch, rk_error *err);

// Memory that reading n rows takes beside where they go.
rk__reading_bytes rk__weights_reading_bytes(const rk__weights *weights,
                                            const rk__tensor_plan *tensor, size_t n);

// Transposes, in place, square matrices that lie one behind the other: a tuned initial state, whose
// heads checkpoints hold the other way round.
void rk__transpose_squares(float *values, size_t n_values, size_t size);

#endif
