// Adapters as an overlay: W += alpha / rank * B A, and full replacements, a slab of rows at a time.
#include "convert/adapter_overlay.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"
#include "convert/blas.h"

static bool changes(const rk__adapter_overlay *overlay, size_t tensor) {
    return rk__adapter_overlay_replaces(overlay, tensor) ||
           rk__adapter_overlay_rank(overlay, tensor) > 0;
}

static size_t index_of(const rk__adapter_overlay *overlay, const char *name) {
    size_t tensor;
    return rk_checkpoint_find(overlay->model->file, name, &tensor) ? tensor : RK__NO_TENSOR;
}

static bool touches(void *self, const char *name) {
    const size_t tensor = index_of(self, name);
    return tensor != RK__NO_TENSOR && changes(self, tensor);
}

static bool replaces(void *self, const char *name) {
    const size_t tensor = index_of(self, name);
    return tensor != RK__NO_TENSOR && rk__adapter_overlay_replaces(self, tensor);
}

static rk_status apply(void *self, const char *name, size_t first, size_t n_rows, size_t columns,
                       float *values, rk_error *err) {
    const rk__adapter_overlay *overlay = self;
    const size_t tensor = index_of(overlay, name);
    assert(tensor != RK__NO_TENSOR && tensor == overlay->selected);
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        const rk__adapter *adapter = &overlay->adapters[i];
        const size_t replacement = adapter->changes[tensor].replacement;
        if (replacement != RK__NO_TENSOR) {
            RK_TRY(
                rk_checkpoint_read_floats(adapter->file, replacement, first, n_rows, values, err));
        }
        const rk__adapter_product *product = &overlay->products[i];
        if (product->rank == 0) continue;
        rk__blas_add_product(values, product->b + first * product->rank, product->a, n_rows,
                             columns, product->rank, product->scale);
    }
    return RK_OK;
}

static void drop_products(rk__adapter_overlay *overlay) {
    for (size_t i = 0; overlay->products != NULL && i < overlay->n_adapters; i++) {
        rk__free(overlay->products[i].a);
        rk__free(overlay->products[i].b);
        overlay->products[i] = (rk__adapter_product){0};
    }
    overlay->selected = RK__NO_TENSOR;
}

// A whole tensor of an adapter as float32.
static rk_status load_floats(float **out, rk_checkpoint *file, size_t tensor, rk_error *err) {
    const rk_shape *shape = &rk_checkpoint_tensor(file, tensor)->shape;
    size_t n_values;
    if (!rk_shape_elements(&n_values, shape)) return rk__fail_memory(err, SIZE_MAX);
    RK_TRY(rk__alloc_aligned((void **)out, n_values, sizeof **out, err));
    return rk_checkpoint_read_floats(file, tensor, 0, shape->dims[0], *out, err);
}

static rk_status load_product(rk__adapter_product *product, const rk__adapter *adapter,
                              size_t tensor, rk_error *err) {
    const rk__adapter_change *change = &adapter->changes[tensor];
    const size_t rank = rk__adapter_rank(adapter, tensor);
    if (rank == 0) return RK_OK;
    const float scale = (float)(adapter->alpha / (double)rank);
    if (!isfinite(scale)) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: alpha %g is too large for rank %zu",
                        rk_checkpoint_path(adapter->file), adapter->alpha, rank);
    }
    RK_TRY(load_floats(&product->a, adapter->file, change->a, err));
    RK_TRY(load_floats(&product->b, adapter->file, change->b, err));
    product->rank = rank;
    product->scale = scale;
    return RK_OK;
}

rk_status rk__adapter_overlay_select(rk__adapter_overlay *overlay, size_t tensor, rk_error *err) {
    drop_products(overlay);
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        RK_TRY(load_product(&overlay->products[i], &overlay->adapters[i], tensor, err));
    }
    overlay->selected = tensor;
    return RK_OK;
}

rk_status rk__adapter_overlay_init(rk__adapter_overlay *overlay, const rk__weights *model,
                                   const rk_adapter *adapters, size_t n_adapters, rk_error *err) {
    *overlay = (rk__adapter_overlay){
        .overlay = {apply, touches, replaces, overlay}, .model = model, .selected = RK__NO_TENSOR};
    rk_status status =
        rk__alloc((void **)&overlay->adapters, n_adapters, sizeof overlay->adapters[0], err);
    if (status != RK_OK) goto out;
    status = rk__alloc((void **)&overlay->products, n_adapters, sizeof overlay->products[0], err);
    for (size_t i = 0; status == RK_OK && i < n_adapters; i++) {
        status = rk__adapter_open(&overlay->adapters[i], &adapters[i], model, err);
        if (status == RK_OK) overlay->n_adapters++;
    }
out:
    if (status != RK_OK) rk__adapter_overlay_fini(overlay);
    return status;
}

void rk__adapter_overlay_fini(rk__adapter_overlay *overlay) {
    drop_products(overlay);
    rk__free(overlay->products);
    for (size_t i = 0; i < overlay->n_adapters; i++) rk__adapter_close(&overlay->adapters[i]);
    rk__free(overlay->adapters);
    *overlay = (rk__adapter_overlay){0};
}

size_t rk__adapter_overlay_rank(const rk__adapter_overlay *overlay, size_t tensor) {
    size_t rank = 0;
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        rank += rk__adapter_rank(&overlay->adapters[i], tensor);
    }
    return rank;
}

bool rk__adapter_overlay_replaces(const rk__adapter_overlay *overlay, size_t tensor) {
    for (size_t i = 0; i < overlay->n_adapters; i++) {
        if (overlay->adapters[i].changes[tensor].replacement != RK__NO_TENSOR) return true;
    }
    return false;
}

// Of the factors of one tensor's products, as float32.
static size_t product_bytes(const rk__adapter_overlay *overlay, size_t tensor) {
    const rk_shape *shape = &rk_checkpoint_tensor(overlay->model->file, tensor)->shape;
    const size_t rank = rk__adapter_overlay_rank(overlay, tensor);
    return rank == 0 ? 0 : rank * (shape->dims[0] + shape->dims[1]) * sizeof(float);
}

size_t rk__adapter_overlay_bytes(const rk__adapter_overlay *overlay) {
    size_t most = 0;
    const size_t n = overlay->n_adapters == 0 ? 0 : rk_checkpoint_count(overlay->model->file);
    for (size_t i = 0; i < n; i++) {
        const size_t bytes = product_bytes(overlay, i);
        if (bytes > most) most = bytes;
    }
    return most;
}
