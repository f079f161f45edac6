// Two files of one model.
#include "convert/model_difference.h"

#include <math.h>

#include "base/memory.h"

static const rk__tensor_plan *find_partner(const rk__arch_plan *plan,
                                           const rk__tensor_plan *tensor) {
    for (size_t i = 0; i < plan->n_tensors; i++) {
        const rk__tensor_plan *other = &plan->tensors[i];
        if (other->row == tensor->row && other->layer == tensor->layer) return other;
    }
    return NULL;
}

static rk_status match(rk__two_models *two, rk_error *err) {
    const rk__arch_plan *model = &two->model.plan, *base = &two->base.plan;
    const char *path = rk_checkpoint_path(two->base.file);
    if (model->arch != base->arch || model->n_tensors != base->n_tensors) {
        return rk__fail(err, RK_ERR_MISMATCH, "%s: is %s with %zu tensors; %s is %s with %zu",
                        rk_checkpoint_path(two->model.file), model->name, model->n_tensors, path,
                        base->name, base->n_tensors);
    }
    for (size_t i = 0; i < model->n_tensors; i++) {
        const rk__tensor_plan *tensor = &model->tensors[i];
        const rk__tensor_plan *partner = find_partner(base, tensor);
        char name[RK__NAME_TEXT];
        (void)rk__arch_name(name, tensor->row, RK__NAMES_CHECKPOINT, tensor->layer);
        if (partner == NULL) {
            return rk__fail(err, RK_ERR_MISMATCH, "%s: has no %s", path, name);
        }
        if (partner->rows != tensor->rows || partner->columns != tensor->columns) {
            return rk__fail(err, RK_ERR_MISMATCH, "%s: %s is %zu x %zu, expected %zu x %zu", path,
                            name, partner->rows, partner->columns, tensor->rows, tensor->columns);
        }
        two->partners[i] = partner;
    }
    return RK_OK;
}

rk_status rk__two_models_open(rk__two_models *two, const char *model, const char *base,
                              rk_error *err) {
    *two = (rk__two_models){0};
    rk_status status = rk__weights_open(&two->model, model, err);
    if (status != RK_OK) goto out;
    status = rk__weights_open(&two->base, base, err);
    if (status != RK_OK) goto out;
    rk__weights_read_as_checkpoint(&two->model);
    rk__weights_read_as_checkpoint(&two->base);
    status = rk__alloc((void **)&two->partners, two->model.plan.n_tensors,
                       sizeof(rk__tensor_plan *), err);
    if (status == RK_OK) status = match(two, err);
out:
    if (status != RK_OK) rk__two_models_close(two);
    return status;
}

void rk__two_models_close(rk__two_models *two) {
    rk__weights_close(&two->model);
    rk__weights_close(&two->base);
    rk__free(two->partners);
    *two = (rk__two_models){0};
}

// ---- comparing

enum { SLAB_FLOATS = 256 * 1024 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

// The buffers of one comparison, [capacity] each.
typedef struct slabs {
    float *model, *base, *rounded;
    uint8_t *bytes; // of `rounded`, in the type that it is rounded to
    size_t capacity;
} slabs;

// What the base's or the model's values would be in the type of the other file.
static const float *round_to(const slabs *s, const rk__rows *rows, rk_dtype dtype,
                             const float *values, size_t n) {
    if (dtype != RK_DTYPE_F16 && dtype != RK_DTYPE_BF16) return values;
    rows->encode[dtype](s->bytes, values, n);
    rows->decode[dtype](s->rounded, s->bytes, n);
    return s->rounded;
}

static bool is_equal(const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!(a[i] == b[i])) return false;
    }
    return true;
}

// The same model in another type is no other model.
static bool is_rounding(const slabs *s, const rk__two_models *two, size_t tensor,
                        const float *values, size_t n) {
    const rk__rows *rows = &two->model.rows;
    const rk_dtype own = rk__weights_info(&two->model, &two->model.plan.tensors[tensor])->dtype;
    const rk_dtype other = rk__weights_info(&two->base, two->partners[tensor])->dtype;
    return is_equal(values, round_to(s, rows, own, s->base, n), n) ||
           is_equal(s->base, round_to(s, rows, other, values, n), n);
}

// Replaces the model's values by what they differ from the base's. False when that is no number.
static bool subtract(float *values, const float *base, size_t n, rk__tensor_difference *out) {
    for (size_t i = 0; i < n; i++) {
        const float change = values[i] - base[i];
        // Raw decays out of a model file may be infinite, where both of them are the same.
        const bool same = values[i] == base[i];
        if (!same && !isfinite(change)) return false;
        values[i] = same ? 0.0F : change;
        out->change_squares += (double)values[i] * (double)values[i];
        out->base_squares += (double)base[i] * (double)base[i];
    }
    return true;
}

static rk_status compare_slabs(const rk__two_models *two, size_t tensor, float *difference,
                               const slabs *s, rk__tensor_difference *out, rk_error *err) {
    const rk__tensor_plan *plan = &two->model.plan.tensors[tensor];
    const size_t at_once = s->capacity / plan->columns;
    for (size_t first = 0; first < plan->rows; first += at_once) {
        const size_t n = least(at_once, plan->rows - first), n_values = n * plan->columns;
        float *values = difference == NULL ? s->model : difference + first * plan->columns;
        RK_TRY(rk__weights_read_floats(&two->model, plan, first, n, values, err));
        RK_TRY(rk__weights_read_floats(&two->base, two->partners[tensor], first, n, s->base, err));
        out->differs = out->differs || !is_rounding(s, two, tensor, values, n_values);
        if (subtract(values, s->base, n_values, out)) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: tensor %s differs by what is no finite number",
                        rk_checkpoint_path(two->model.file),
                        rk__weights_info(&two->model, plan)->name);
    }
    return RK_OK;
}

static rk_status new_slabs(slabs *s, const rk__tensor_plan *plan, rk_error *err) {
    const size_t rows = plan->columns < SLAB_FLOATS ? SLAB_FLOATS / plan->columns : 1;
    *s = (slabs){.capacity = least(rows, plan->rows) * plan->columns};
    RK_TRY(rk__alloc_aligned((void **)&s->model, s->capacity, sizeof(float), err));
    RK_TRY(rk__alloc_aligned((void **)&s->base, s->capacity, sizeof(float), err));
    RK_TRY(rk__alloc_aligned((void **)&s->rounded, s->capacity, sizeof(float), err));
    return rk__alloc_aligned((void **)&s->bytes, s->capacity, sizeof(uint16_t), err);
}

rk_status rk__two_models_compare(const rk__two_models *two, size_t tensor, float *difference,
                                 rk__tensor_difference *out, rk_error *err) {
    slabs s;
    *out = (rk__tensor_difference){0};
    rk_status status = new_slabs(&s, &two->model.plan.tensors[tensor], err);
    if (status == RK_OK) status = compare_slabs(two, tensor, difference, &s, out, err);
    rk__free(s.model);
    rk__free(s.base);
    rk__free(s.rounded);
    rk__free(s.bytes);
    return status;
}
