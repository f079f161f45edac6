// Adapters as an overlay: a model's weights, read as if the adapters had been merged into them, or
// as if they never had been.
//
// One tensor at a time: rk__adapter_overlay_select loads what the changes of a tensor need, then
// its rows may be read from several threads at once.
#ifndef RK_CONVERT_ADAPTER_OVERLAY_H
#define RK_CONVERT_ADAPTER_OVERLAY_H

#include "convert/adapter.h"
#include "convert/shards.h"

// What one adapter does to the selected tensor. Matrices that are read the other way round than a
// checkpoint has them get transposed changes.
typedef struct rk__adapter_work {
    // scale * B A is added. PiSSA: the initial factors follow those of the pair, B's with the other
    // sign, so that the whole change is one product.
    float *a, *b;         // owned: [rank][columns], [rows][rank]; NULL when there is nothing to add
    size_t rows, columns; // of the product; those of the tensor, unless that is read as a vector
    size_t rank;
    float scale;
    rk__shards shards;
    size_t replacement; // index in the adapter, or RK__NO_TENSOR
    float *whole;       // owned: the replacement, where it cannot be read row by row
} rk__adapter_work;

typedef struct rk__adapter_overlay {
    rk__overlay overlay;      // for rk__weights.overlay; refers to this object, which must not move
    const rk__weights *model; // borrowed
    rk__adapter *adapters;    // owned, [n_adapters], applied in this order, undone in the other
    size_t n_adapters;
    bool subtract;
    size_t selected;        // a tensor of the plan, or RK__NO_TENSOR
    rk__adapter_work *work; // owned, [n_adapters], on the selected tensor
} rk__adapter_overlay;

// The options' adapters. The model must be set to how it is going to be read.
rk_status rk__adapter_overlay_init(rk__adapter_overlay *overlay, const rk__weights *model,
                                   const rk_convert_options *options, rk_error *err);
void rk__adapter_overlay_fini(rk__adapter_overlay *overlay);

// From here on the rows of this tensor of the plan may be read, and no others.
rk_status rk__adapter_overlay_select(rk__adapter_overlay *overlay, size_t tensor, rk_error *err);

// All steps on a tensor, at most RK__ADAPTER_MAX_PARTS for each adapter; returns their number.
size_t rk__adapter_overlay_describe(const rk__adapter_overlay *overlay, size_t tensor,
                                    rk_merge_part *parts);

// Memory that the changes of a tensor take at most, with so many threads reading so many rows each.
size_t rk__adapter_overlay_bytes(const rk__adapter_overlay *overlay, size_t tensor, size_t n_rows,
                                 size_t n_threads);

#endif
