// Adapter files: which of their tensors change which tensors of a model (rk_merge_kind).
#ifndef RK_CONVERT_ADAPTER_H
#define RK_CONVERT_ADAPTER_H

#include "convert/adapter_keys.h"
#include "rk/checkpoint.h"
#include "rk/convert.h"
#include "weights/weights.h"

// Tensors of the model are meant by their number in its plan. Adapters are made for tensors as a
// checkpoint has them: of several that lie in one tensor there, each is replaced by its part.

// Stands for the index of a tensor that is not there.
#define RK__NO_TENSOR SIZE_MAX

// How shards [rank, out] or [n, rank, rank] lie over a matrix [out, in].
typedef enum rk__shard_layout {
    RK__SHARDS_ADDED,      // one [rank, width], repeated over all columns, and over rows by `width`
    RK__SHARDS_BY_COLUMNS, // M_b belongs to columns [b * rank, (b + 1) * rank)
    RK__SHARDS_BY_ROWS,    // M_b belongs to rows [b * rank, (b + 1) * rank)
} rk__shard_layout;

// What an adapter does to one tensor of the model, in this order: replace it, change its shards,
// add a product. Indices into the adapter's own tensors, the initial ones into those of its init
// file. Of A and B there are both or neither, and so with the initial ones.
typedef struct rk__adapter_change {
    size_t of[RK__N_KEYS];
    rk__shard_layout layout;
} rk__adapter_change;

typedef struct rk__adapter {
    rk_checkpoint *file;         // owned
    rk_checkpoint *init;         // owned, or NULL
    double alpha, scale;         // finite, where there are pairs without initial values
    bool root_scaled;            // the products count alpha / sqrt(rank)
    rk__adapter_change *changes; // owned, one for each tensor of the model's plan
} rk__adapter;

// Opens an adapter for this model. What is wrong with its tensors is reported together, by name
// (ERR_MISMATCH), or told and passed over where the options say so. An adapter of which nothing is
// left is refused.
rk_status rk__adapter_open(rk__adapter *adapter, const rk_adapter *description,
                           const rk__weights *model, const rk_convert_options *options,
                           rk_error *err);
void rk__adapter_close(rk__adapter *adapter);

// Does it change this tensor of the model?
bool rk__adapter_changes(const rk__adapter *adapter, size_t tensor);

// Of the product, or of the shards, of this tensor; 0 when there are none.
size_t rk__adapter_rank(const rk__adapter *adapter, size_t tensor);
size_t rk__adapter_shard_size(const rk__adapter *adapter, size_t tensor);

// What all factors of the product with this tensor come to.
double rk__adapter_product_scale(const rk__adapter *adapter, size_t tensor);

// The steps on this tensor, for a report: their number. `number` is the adapter's.
enum { RK__ADAPTER_MAX_PARTS = 3 };
size_t rk__adapter_describe(const rk__adapter *adapter, size_t tensor, size_t number,
                            rk_merge_part parts[RK__ADAPTER_MAX_PARTS]);

#endif
