// A weights file seen as a model: its tensors found and checked by arch/, read with their values
// converted. What loads a model and what converts a file both read through this.
#ifndef RK_WEIGHTS_H
#define RK_WEIGHTS_H

#include "arch/arch.h"
#include "checkpoint/reading.h"
#include "kernels/rows.h"
#include "rk/checkpoint.h"

// Changes the values of a tensor as they are read, in the checkpoint's convention (before the
// conversion): how adapters are merged. `values` holds rows [first, first + n_rows) of tensor
// `name`.
typedef struct rk__overlay {
    rk_status (*apply)(void *self, const char *name, size_t first, size_t n_rows, size_t columns,
                       float *values, rk_error *err);
    bool (*touches)(void *self, const char *name);
    // The whole tensor: its values are then raw, whatever the file holds
    bool (*replaces)(void *self, const char *name);
    void *self;
} rk__overlay;

typedef struct rk__weights {
    rk_checkpoint *file;  // owned
    rk__arch_plan plan;   // owned
    bool converted;       // the file already holds converted values (a model file)
    rk__overlay *overlay; // borrowed, or NULL
    rk__rows rows;
} rk__weights;

rk_status rk__weights_open(rk__weights *weights, const char *path, rk_error *err);

// The tensors below a root (rk_checkpoint_open_below).
rk_status rk__weights_open_below(rk__weights *weights, const char *path, const char *root,
                                 rk_error *err);
void rk__weights_close(rk__weights *weights);

// The tensor as the file declares it.
const rk_tensor_info *rk__weights_info(const rk__weights *weights, const rk__tensor_plan *tensor);

// Bytes of the file that the tensor takes: those of its part, where it shares a tensor with others.
uint64_t rk__weights_source_bytes(const rk__weights *weights, const rk__tensor_plan *tensor);

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

// Rows [first, first + n) in the type `dtype` (FP32, FP16, BF16 or a block format of version 101),
// size bytes: stored bytes where they serve, otherwise through `scratch`, n x columns floats.
// Values that the type cannot hold (NaN or infinity in a block format; beyond 65504 in FP16 from a
// finite value) are refused with the tensor's name. Where scratch was used, it holds the values
// before rounding afterwards.
rk_status rk__weights_read_as(const rk__weights *weights, const rk__tensor_plan *tensor,
                              rk_dtype dtype, size_t first, size_t n, void *out, size_t size,
                              float *scratch, rk_error *err);

// Memory that reading n rows takes beside where they go.
rk__reading_bytes rk__weights_reading_bytes(const rk__weights *weights,
                                            const rk__tensor_plan *tensor, size_t n);

// Transposes, in place, square matrices that lie one behind the other: a tuned initial state, whose
// heads checkpoints hold the other way round.
void rk__transpose_squares(float *values, size_t n_values, size_t size);

#endif
