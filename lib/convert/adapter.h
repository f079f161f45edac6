// Adapter files: which of their tensors change which tensors of a model.
//
//     X.lora_A [rank, in], X.lora_B [out, rank]    X.weight or X gets alpha / rank * B A added
//     X                                            replaces X
#ifndef RK_CONVERT_ADAPTER_H
#define RK_CONVERT_ADAPTER_H

#include "rk/checkpoint.h"
#include "rk/convert.h"
#include "weights/weights.h"

// Tensors of the model are meant by their index in the model's file: adapters are made for a
// checkpoint's tensors, not for what a model makes of them.

// Stands for the index of a tensor that is not there.
#define RK__NO_TENSOR SIZE_MAX

// What an adapter does to one tensor of the model: indices into the adapter's own tensors. The
// replacement comes first, the product is added to it.
typedef struct rk__adapter_change {
    size_t replacement;
    size_t a, b; // both or neither
} rk__adapter_change;

typedef struct rk__adapter {
    rk_checkpoint *file;         // owned
    double alpha;                // finite
    rk__adapter_change *changes; // owned, one for each tensor of the model's file
} rk__adapter;

// Opens an adapter for this model. Its tensors that match nothing, do not fit or lack their other
// half are reported together, by name (ERR_MISMATCH).
rk_status rk__adapter_open(rk__adapter *adapter, const rk_adapter *description,
                           const rk__weights *model, rk_error *err);
void rk__adapter_close(rk__adapter *adapter);

// Of the product that changes this tensor of the model; 0 when there is none.
size_t rk__adapter_rank(const rk__adapter *adapter, size_t tensor);

#endif
