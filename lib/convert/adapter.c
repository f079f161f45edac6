// Adapter files: matching their tensors to a model's.
#include "convert/adapter.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "convert/blas.h"

// What a tensor of an adapter is, by its name.
typedef enum key_kind { KEY_REPLACEMENT, KEY_A, KEY_B } key_kind;

// Everything that is wrong with an adapter, gathered into one line: as many complaints as fit, the
// others counted.
typedef struct faults {
    char text[360];
    size_t length, shown, count;
} faults;

// The work of rk__adapter_open.
typedef struct matcher {
    rk__adapter *adapter;
    const rk__weights *model;
    faults faults;
} matcher;

__attribute__((format(printf, 2, 3))) static void complain(faults *f, const char *format, ...) {
    f->count++;
    if (f->shown + 1 < f->count) return; // one did not fit: from here on only counted
    char text[sizeof f->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t left = sizeof f->text - f->length;
    const int n = snprintf(f->text + f->length, left, "%s%s", f->length == 0 ? "" : "; ", text);
    if (n < 0 || (size_t)n >= left) {
        f->text[f->length] = '\0';
        return;
    }
    f->length += (size_t)n;
    f->shown++;
}

static const rk_tensor_info *adapter_tensor(const matcher *m, size_t i) {
    return rk_checkpoint_tensor(m->adapter->file, i);
}

// Splits "X.lora_A" into its kind and the length of X.
static key_kind classify(const char *name, size_t *stem) {
    static const char suffix[] = ".lora_A";
    const size_t length = strlen(name);
    const size_t n = sizeof suffix - 1;
    *stem = length;
    if (length <= n) return KEY_REPLACEMENT;
    const char *end = name + length - n;
    const bool is_half =
        memcmp(end, suffix, n - 1) == 0 && (end[n - 1] == 'A' || end[n - 1] == 'B');
    if (!is_half) return KEY_REPLACEMENT;
    *stem = length - n;
    return end[n - 1] == 'A' ? KEY_A : KEY_B;
}

// The plan of a tensor of the model's file; NULL when the model does not use it. Of several parts
// it is the first.
static const rk__tensor_plan *plan_of(const rk__weights *model, size_t source) {
    for (size_t i = 0; i < model->plan.n_tensors; i++) {
        if (model->plan.tensors[i].source == source) return &model->plan.tensors[i];
    }
    return NULL;
}

// The model's tensor of this name, spelled as in its file or as in checkpoints.
static size_t find_by_name(const rk__weights *model, const char *name) {
    size_t source;
    if (rk_checkpoint_find(model->file, name, &source)) {
        return plan_of(model, source) == NULL ? RK__NO_TENSOR : source;
    }
    for (size_t i = 0; i < model->plan.n_tensors; i++) {
        char text[RK__NAME_TEXT];
        const rk__tensor_plan *tensor = &model->plan.tensors[i];
        rk__arch_name(text, tensor->row, RK__NAMES_CHECKPOINT, tensor->layer);
        if (strcmp(text, name) == 0) return tensor->source;
    }
    return RK__NO_TENSOR;
}

static size_t find_target(const rk__weights *model, const char *name, key_kind kind, size_t stem) {
    char target[2 * RK__NAME_TEXT];
    static const char weight[] = ".weight";
    if (stem + sizeof weight > sizeof target) return RK__NO_TENSOR;
    memcpy(target, name, stem);
    target[stem] = '\0';
    const size_t exact = find_by_name(model, target);
    if (kind == KEY_REPLACEMENT || exact != RK__NO_TENSOR) return exact;
    memcpy(target + stem, weight, sizeof weight);
    return find_by_name(model, target);
}

static size_t *slot_of(rk__adapter_change *change, key_kind kind) {
    switch (kind) {
    case KEY_A:
        return &change->a;
    case KEY_B:
        return &change->b;
    case KEY_REPLACEMENT:
        break;
    }
    return &change->replacement;
}

// Model files join, transpose and transform some tensors. What an adapter says about those fits
// checkpoints only, but for transformed tensors that it replaces: they are transformed in turn.
static bool is_held_in_another_form(const rk__weights *model, size_t source, key_kind kind) {
    const rk__arch_row *row = plan_of(model, source)->row;
    const bool transformed = row->conversion != RK__AS_IS && kind != KEY_REPLACEMENT;
    return model->converted &&
           (transformed || row->conversion == RK__TRANSPOSE || row->n_parts > 0);
}

// Gives one tensor of the adapter to the model's tensor that it changes.
static void assign(matcher *m, size_t i) {
    const rk_tensor_info *info = adapter_tensor(m, i);
    size_t stem;
    const key_kind kind = classify(info->name, &stem);
    const size_t target = find_target(m->model, info->name, kind, stem);
    if (target == RK__NO_TENSOR) {
        complain(&m->faults, "%s matches no tensor", info->name);
        return;
    }
    if (is_held_in_another_form(m->model, target, kind)) {
        complain(&m->faults, "%s changes a tensor that model files hold in another form",
                 info->name);
        return;
    }
    if (rk_dtype_describe(info->dtype)->class_ != RK_CLASS_FLOAT) {
        complain(&m->faults, "%s is %s, expected floats", info->name,
                 rk_dtype_describe(info->dtype)->name);
        return;
    }
    size_t *slot = slot_of(&m->adapter->changes[target], kind);
    if (*slot != RK__NO_TENSOR) {
        complain(&m->faults, "%s and %s change the same tensor", adapter_tensor(m, *slot)->name,
                 info->name);
        return;
    }
    *slot = i;
}

// Sizes of 1 in front do not count: [1, 1, 192] replaces [192].
static void check_replacement(matcher *m, size_t source) {
    const rk_shape *target = &rk_checkpoint_tensor(m->model->file, source)->shape;
    const rk_tensor_info *info = adapter_tensor(m, m->adapter->changes[source].replacement);
    size_t rows, columns, target_rows, target_columns;
    if (rk_shape_matrix(&rows, &columns, &info->shape) &&
        rk_shape_matrix(&target_rows, &target_columns, target) && rows == target_rows &&
        columns == target_columns) {
        return;
    }
    char given[RK_SHAPE_TEXT], wanted[RK_SHAPE_TEXT];
    complain(&m->faults, "%s is %s, expected %s", info->name, rk_shape_format(given, &info->shape),
             rk_shape_format(wanted, target));
}

static bool is_product(const rk_shape *a, const rk_shape *b, const rk_shape *target) {
    return a->n_dims == 2 && b->n_dims == 2 && target->n_dims == 2 && a->dims[0] > 0 &&
           a->dims[0] == b->dims[1] && a->dims[1] == target->dims[1] &&
           b->dims[0] == target->dims[0];
}

// A rank above the tensor's own gains nothing. It is refused because files can declare tensors much
// larger than themselves (a stride of 0), and the factors are held in memory.
static void check_rank(matcher *m, const rk_tensor_info *a, const rk_shape *target) {
    const size_t rank = a->shape.dims[0];
    const size_t rows = target->dims[0];
    const size_t columns = target->dims[1];
    const size_t limit = rows < columns ? rows : columns;
    if (rank <= limit && rows <= RK__BLAS_MAX_SIZE && columns <= RK__BLAS_MAX_SIZE) return;
    complain(&m->faults, "%s has rank %zu, expected at most %zu", a->name, rank, limit);
}

static void check_pair(matcher *m, size_t source) {
    const rk__adapter_change *change = &m->adapter->changes[source];
    if (change->a == RK__NO_TENSOR || change->b == RK__NO_TENSOR) {
        const bool has_a = change->a != RK__NO_TENSOR;
        complain(&m->faults, "%s has no %s", adapter_tensor(m, has_a ? change->a : change->b)->name,
                 has_a ? "lora_B" : "lora_A");
        return;
    }
    const rk_shape *target = &rk_checkpoint_tensor(m->model->file, source)->shape;
    const rk_tensor_info *a = adapter_tensor(m, change->a);
    const rk_tensor_info *b = adapter_tensor(m, change->b);
    if (is_product(&a->shape, &b->shape, target)) {
        check_rank(m, a, target);
        return;
    }
    char text_a[RK_SHAPE_TEXT], text_b[RK_SHAPE_TEXT], text_w[RK_SHAPE_TEXT];
    complain(&m->faults, "%s %s and lora_B %s do not fit %s", a->name,
             rk_shape_format(text_a, &a->shape), rk_shape_format(text_b, &b->shape),
             rk_shape_format(text_w, target));
}

static void match(matcher *m) {
    const size_t n_tensors = rk_checkpoint_count(m->model->file);
    for (size_t i = 0; i < n_tensors; i++) {
        m->adapter->changes[i] = (rk__adapter_change){RK__NO_TENSOR, RK__NO_TENSOR, RK__NO_TENSOR};
    }
    const size_t n_keys = rk_checkpoint_count(m->adapter->file);
    for (size_t i = 0; i < n_keys; i++) assign(m, i);
    for (size_t i = 0; i < n_tensors; i++) {
        const rk__adapter_change *change = &m->adapter->changes[i];
        if (change->replacement != RK__NO_TENSOR) check_replacement(m, i);
        if (change->a != RK__NO_TENSOR || change->b != RK__NO_TENSOR) check_pair(m, i);
    }
}

static rk_status report_faults(const faults *f, const char *path, const char *model,
                               rk_error *err) {
    if (f->count == 0) return RK_OK;
    char more[40] = "";
    if (f->count > f->shown) {
        (void)snprintf(more, sizeof more, " and %zu more", f->count - f->shown);
    }
    return rk__fail(err, RK_ERR_MISMATCH, "%s: does not fit %s: %s%s", path, model, f->text, more);
}

rk_status rk__adapter_open(rk__adapter *adapter, const rk_adapter *description,
                           const rk__weights *model, rk_error *err) {
    *adapter = (rk__adapter){.alpha = description->alpha};
    if (description->path == NULL) {
        return rk__fail(err, RK_ERR_ARGUMENT, "an adapter without a path");
    }
    if (!isfinite(description->alpha)) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: alpha is %g, expected a finite number",
                        description->path, description->alpha);
    }
    matcher m = {.adapter = adapter, .model = model};
    rk_status status = rk_checkpoint_open(&adapter->file, description->path, err);
    if (status != RK_OK) goto out;
    if (rk_checkpoint_count(adapter->file) == 0) {
        status = rk__fail(err, RK_ERR_MISMATCH, "%s: holds no tensors", description->path);
        goto out;
    }
    status = rk__alloc((void **)&adapter->changes, rk_checkpoint_count(model->file),
                       sizeof adapter->changes[0], err);
    if (status != RK_OK) goto out;
    match(&m);
    status = report_faults(&m.faults, description->path, rk_checkpoint_path(model->file), err);
out:
    if (status != RK_OK) rk__adapter_close(adapter);
    return status;
}

void rk__adapter_close(rk__adapter *adapter) {
    rk_checkpoint_close(&adapter->file);
    rk__free(adapter->changes);
    *adapter = (rk__adapter){0};
}

size_t rk__adapter_rank(const rk__adapter *adapter, size_t tensor) {
    const size_t a = adapter->changes[tensor].a;
    return a == RK__NO_TENSOR ? 0 : rk_checkpoint_tensor(adapter->file, a)->shape.dims[0];
}
