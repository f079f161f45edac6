// Adapters as an overlay: a model's weights, read as if the adapters had been merged into them.
//
// One tensor at a time: rk__adapter_overlay_select loads what the products with a tensor need, then
// its rows may be read from several threads at once.
#ifndef RK_CONVERT_ADAPTER_OVERLAY_H
#define RK_CONVERT_ADAPTER_OVERLAY_H

#include "convert/adapter.h"

// What is added to a tensor: scale * B A.
typedef struct rk__adapter_product {
    float *a, *b; // owned: [rank][columns], [rows][rank]; NULL when there is nothing to add
    size_t rank;
    float scale; // alpha / rank
} rk__adapter_product;

typedef struct rk__adapter_overlay {
    rk__overlay overlay;      // for rk__weights.overlay; refers to this object, which must not move
    const rk__weights *model; // borrowed
    rk__adapter *adapters;    // owned, [n_adapters], applied in this order
    size_t n_adapters;
    size_t selected;               // a tensor of the model's file, or RK__NO_TENSOR
    rk__adapter_product *products; // owned, [n_adapters], of the selected tensor
} rk__adapter_overlay;

rk_status rk__adapter_overlay_init(rk__adapter_overlay *overlay, const rk__weights *model,
                                   const rk_adapter *adapters, size_t n_adapters, rk_error *err);
void rk__adapter_overlay_fini(rk__adapter_overlay *overlay);

// From here on the rows of this tensor of the model's file may be read, and no others.
rk_status rk__adapter_overlay_select(rk__adapter_overlay *overlay, size_t tensor, rk_error *err);

// Of all products added to this tensor, together.
size_t rk__adapter_overlay_rank(const rk__adapter_overlay *overlay, size_t tensor);
// Memory that the largest products take.
size_t rk__adapter_overlay_bytes(const rk__adapter_overlay *overlay);

bool rk__adapter_overlay_replaces(const rk__adapter_overlay *overlay, size_t tensor);

#endif
