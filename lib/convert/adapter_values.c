// The values of an adapter, read once before the merge begins.
#include "convert/adapter_values.h"

#include <string.h>

#include "base/memory.h"

enum { SLAB_FLOATS = 64 * 1024 };

typedef struct reader {
    rk__adapter *adapter;
    const rk__rows *rows;
    rk__adapter_faults *faults;
    float *slab, *other; // [capacity], owned
    size_t capacity;
} reader;

static rk_status new_slabs(reader *r, size_t columns, rk_error *err) {
    const size_t wanted = columns > SLAB_FLOATS ? columns : SLAB_FLOATS;
    if (wanted <= r->capacity) return RK_OK;
    rk__free(r->slab);
    rk__free(r->other);
    r->slab = r->other = NULL;
    r->capacity = 0;
    RK_TRY(rk__alloc_aligned((void **)&r->slab, wanted, sizeof r->slab[0], err));
    RK_TRY(rk__alloc_aligned((void **)&r->other, wanted, sizeof r->other[0], err));
    r->capacity = wanted;
    return RK_OK;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

// *zero: are all values zero?
static rk_status scan(reader *r, rk_checkpoint *file, size_t tensor, bool *zero, rk_error *err) {
    static const uint32_t infinity_bits = 0x7f800000;
    const rk_tensor_info *info = rk_checkpoint_tensor(file, tensor);
    size_t rows, columns;
    *zero = true;
    (void)rk_shape_matrix(&rows, &columns, &info->shape); // the reader has checked it
    RK_TRY(new_slabs(r, columns, err));
    const size_t at_once = columns == 0 ? rows : r->capacity / columns;
    for (size_t first = 0; first < rows && columns > 0; first += at_once) {
        const size_t n = least(at_once, rows - first);
        RK_TRY(rk_checkpoint_read_floats(file, tensor, first, n, r->slab, err));
        const uint32_t largest = r->rows->largest_magnitude(r->slab, n * columns);
        if (largest >= infinity_bits) {
            return rk__fail(err, RK_ERR_RANGE, "%s: tensor %s holds NaN or infinity",
                            rk_checkpoint_path(file), info->name);
        }
        *zero = *zero && largest == 0;
    }
    return RK_OK;
}

// *same: do two tensors of these shapes, which fit one model's tensor, have the same values?
static rk_status compare(reader *r, rk__adapter_key key, rk__adapter_key initial,
                         const rk__adapter_change *change, bool *same, rk_error *err) {
    rk_checkpoint *file = r->adapter->file, *init = r->adapter->init;
    const rk_shape *shape = &rk_checkpoint_tensor(file, change->of[key])->shape;
    const rk_shape *other = &rk_checkpoint_tensor(init, change->of[initial])->shape;
    const size_t rows = shape->dims[0], columns = shape->dims[1];
    *same = rows == other->dims[0] && columns == other->dims[1];
    RK_TRY(new_slabs(r, columns, err));
    const size_t at_once = r->capacity / columns;
    for (size_t first = 0; *same && first < rows; first += at_once) {
        const size_t n = least(at_once, rows - first);
        RK_TRY(rk_checkpoint_read_floats(file, change->of[key], first, n, r->slab, err));
        RK_TRY(rk_checkpoint_read_floats(init, change->of[initial], first, n, r->other, err));
        *same = memcmp(r->slab, r->other, n * columns * sizeof r->slab[0]) == 0;
    }
    return RK_OK;
}

static rk_status check_pair(reader *r, rk__adapter_change *change, rk_error *err) {
    const size_t a = change->of[RK__KEY_A], b = change->of[RK__KEY_B];
    const char *name_a = rk_checkpoint_tensor(r->adapter->file, a)->name;
    const char *name_b = rk_checkpoint_tensor(r->adapter->file, b)->name;
    const char *reason = r->adapter->scale == 0.0 ? "the scale is 0" : NULL;
    bool zero_a, zero_b, same_a = false, same_b = false;
    RK_TRY(scan(r, r->adapter->file, a, &zero_a, err));
    RK_TRY(scan(r, r->adapter->file, b, &zero_b, err));
    if (r->adapter->init != NULL) {
        bool zero;
        RK_TRY(scan(r, r->adapter->init, change->of[RK__KEY_INITIAL_A], &zero, err));
        RK_TRY(scan(r, r->adapter->init, change->of[RK__KEY_INITIAL_B], &zero, err));
        RK_TRY(compare(r, RK__KEY_A, RK__KEY_INITIAL_A, change, &same_a, err));
        RK_TRY(compare(r, RK__KEY_B, RK__KEY_INITIAL_B, change, &same_b, err));
        if (same_a && same_b) reason = "they are as they began";
    } else if (zero_a || zero_b) {
        reason = zero_b ? "lora_B is zero" : "lora_A is zero";
    } else if (r->adapter->alpha == 0.0) {
        reason = "alpha is 0";
    }
    if (reason == NULL) return RK_OK;
    rk__adapter_fault(r->faults, "%s and %s change nothing: %s", name_a, name_b, reason);
    for (size_t key = RK__KEY_A; key <= RK__KEY_INITIAL_B; key++) change->of[key] = RK__NO_TENSOR;
    return RK_OK;
}

// A replacement or shards.
static rk_status check_tensor(reader *r, rk__adapter_change *change, rk__adapter_key key,
                              rk_error *err) {
    bool zero;
    const rk_tensor_info *info = rk_checkpoint_tensor(r->adapter->file, change->of[key]);
    RK_TRY(scan(r, r->adapter->file, change->of[key], &zero, err));
    const bool no_scale = r->adapter->scale == 0.0;
    if (!no_scale && (!zero || key == RK__KEY_REPLACEMENT)) return RK_OK;
    rk__adapter_fault(r->faults, "%s changes nothing: %s", info->name,
                      no_scale ? "the scale is 0" : "it is zero");
    change->of[key] = RK__NO_TENSOR;
    return RK_OK;
}

static rk_status check_all(reader *r, size_t n_tensors, rk_error *err) {
    for (size_t i = 0; i < n_tensors; i++) {
        rk__adapter_change *change = &r->adapter->changes[i];
        if (change->of[RK__KEY_REPLACEMENT] != RK__NO_TENSOR) {
            RK_TRY(check_tensor(r, change, RK__KEY_REPLACEMENT, err));
        }
        if (change->of[RK__KEY_SHARDS] != RK__NO_TENSOR) {
            RK_TRY(check_tensor(r, change, RK__KEY_SHARDS, err));
        }
        if (change->of[RK__KEY_A] != RK__NO_TENSOR) RK_TRY(check_pair(r, change, err));
    }
    return RK_OK;
}

rk_status rk__adapter_check_values(rk__adapter *adapter, const rk__weights *model,
                                   rk__adapter_faults *faults, rk_error *err) {
    reader r = {.adapter = adapter, .rows = &model->rows, .faults = faults};
    const rk_status status = check_all(&r, model->plan.n_tensors, err);
    rk__free(r.slab);
    rk__free(r.other);
    return status;
}
