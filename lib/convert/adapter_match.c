// Matching the tensors of an adapter to those of a model: by name, then by shape.
#include "convert/adapter_match.h"

#include <string.h>

#include "convert/adapter_names.h"
#include "convert/blas.h"

typedef struct matcher {
    rk__adapter *adapter;
    const rk__weights *model;
    rk__adapter_faults *faults;
    rk__model_names names;
    // Of square matrices' shards only the others tell to what they belong: how many of either kind.
    size_t n_by_rows, n_by_columns;
} matcher;

static rk_checkpoint *file_of(const matcher *m, rk__adapter_key key) {
    const bool initial = key == RK__KEY_INITIAL_A || key == RK__KEY_INITIAL_B;
    return initial ? m->adapter->init : m->adapter->file;
}

static const rk_tensor_info *info_of(const matcher *m, const rk__adapter_change *change,
                                     rk__adapter_key key) {
    return rk_checkpoint_tensor(file_of(m, key), change->of[key]);
}

static bool has(const rk__adapter_change *change, rk__adapter_key key) {
    return change->of[key] != RK__NO_TENSOR;
}

static void drop(rk__adapter_change *change, rk__adapter_key key) {
    change->of[key] = RK__NO_TENSOR;
}

static void drop_pair(rk__adapter_change *change) {
    drop(change, RK__KEY_A);
    drop(change, RK__KEY_B);
    drop(change, RK__KEY_INITIAL_A);
    drop(change, RK__KEY_INITIAL_B);
}

static rk_shape shape_of(const matcher *m, size_t tensor) {
    const rk__arch_plan *plan = &m->model->plan;
    return rk__arch_shape(plan, &plan->tensors[tensor], RK__NAMES_CHECKPOINT);
}

// ---- by name

// The model's tensors that a name in an adapter means.
static const rk__model_name *find_targets(const matcher *m, const rk__adapter_name *name,
                                          size_t *count) {
    char target[2 * RK__NAME_TEXT];
    static const char weight[] = ".weight";
    *count = 0;
    if (name->stem_length + sizeof weight > sizeof target) return NULL;
    memcpy(target, name->stem, name->stem_length);
    target[name->stem_length] = '\0';
    const rk__model_name *found = rk__model_names_find(&m->names, target, count);
    if (*count > 0 || name->key == RK__KEY_REPLACEMENT) return found;
    memcpy(target + name->stem_length, weight, sizeof weight);
    return rk__model_names_find(&m->names, target, count);
}

// A file of initial values may also hold them under the names that the pair itself has.
static rk__adapter_key key_in(const matcher *m, const rk_checkpoint *file, rk__adapter_key key) {
    if (file != m->adapter->init) return key;
    return key == RK__KEY_A ? RK__KEY_INITIAL_A : key == RK__KEY_B ? RK__KEY_INITIAL_B : key;
}

static void assign_to(const matcher *m, size_t i, const rk_tensor_info *info,
                      const rk__adapter_name *name, rk__adapter_key key, size_t target) {
    rk__adapter_change *change = &m->adapter->changes[target];
    if (has(change, key)) {
        rk__adapter_fault(m->faults, "%s and %s change the same tensor",
                          info_of(m, change, key)->name, info->name);
        return;
    }
    change->of[key] = i;
    if (key == RK__KEY_SHARDS && name->shards_by_rows) change->layout = RK__SHARDS_BY_ROWS;
}

// Gives one tensor of a file to the model's tensors that it changes.
static void assign(const matcher *m, const rk_checkpoint *file, size_t i) {
    const rk_tensor_info *info = rk_checkpoint_tensor(file, i);
    const rk__adapter_name name = rk__adapter_name_split(info->name);
    const rk__adapter_key key = key_in(m, file, name.key);
    const bool initial = key == RK__KEY_INITIAL_A || key == RK__KEY_INITIAL_B;
    size_t count;
    const rk__model_name *targets = find_targets(m, &name, &count);
    if (count == 0) {
        rk__adapter_fault(m->faults, "%s matches no tensor", info->name);
    } else if (targets[0].tensor == RK__NO_TENSOR) {
        rk__adapter_remark(m->faults, "%s changes what the model does not use", info->name);
    } else if (initial != (file == m->adapter->init)) {
        rk__adapter_fault(m->faults, "%s has no place in %s", info->name,
                          initial ? "an adapter" : "a file of initial values");
    } else if (rk_dtype_describe(info->dtype)->class_ != RK_CLASS_FLOAT) {
        rk__adapter_fault(m->faults, "%s is %s, expected floats", info->name,
                          rk_dtype_describe(info->dtype)->name);
    } else {
        if (key != RK__KEY_REPLACEMENT) count = 1; // parts of a tensor are replaced together
        for (size_t k = 0; k < count; k++) assign_to(m, i, info, &name, key, targets[k].tensor);
    }
}

// ---- by shape

// Sizes of 1 do not count: [1, 1, 192] replaces [192].
static void check_replacement(const matcher *m, size_t tensor, rk__adapter_change *change) {
    const rk_shape target = shape_of(m, tensor);
    const rk_tensor_info *info = info_of(m, change, RK__KEY_REPLACEMENT);
    if (rk__shapes_agree(&info->shape, &target)) return;
    char given[RK_SHAPE_TEXT], wanted[RK_SHAPE_TEXT];
    rk__adapter_fault(m->faults, "%s is %s, expected %s", info->name,
                      rk_shape_format(given, &info->shape), rk_shape_format(wanted, &target));
    drop(change, RK__KEY_REPLACEMENT);
}

static bool is_product(const rk_shape *a, const rk_shape *b, const rk_shape *target) {
    return a->n_dims == 2 && b->n_dims == 2 && target->n_dims == 2 && a->dims[0] > 0 &&
           a->dims[0] == b->dims[1] && a->dims[1] == target->dims[1] &&
           b->dims[0] == target->dims[0];
}

// Reports halves and misfits of a pair. False: there is no pair that fits.
static bool check_product(const matcher *m, const rk__adapter_change *change,
                          const rk_shape *target, rk__adapter_key a_key, rk__adapter_key b_key) {
    if (!has(change, a_key) || !has(change, b_key)) {
        const bool has_a = has(change, a_key);
        rk__adapter_fault(m->faults, "%s has no %s",
                          info_of(m, change, has_a ? a_key : b_key)->name,
                          has_a ? "lora_B" : "lora_A");
        return false;
    }
    const rk_tensor_info *a = info_of(m, change, a_key), *b = info_of(m, change, b_key);
    if (is_product(&a->shape, &b->shape, target)) return true;
    char text_a[RK_SHAPE_TEXT], text_b[RK_SHAPE_TEXT], text_w[RK_SHAPE_TEXT];
    rk__adapter_fault(m->faults, "%s %s and lora_B %s do not fit %s", a->name,
                      rk_shape_format(text_a, &a->shape), rk_shape_format(text_b, &b->shape),
                      rk_shape_format(text_w, target));
    return false;
}

// A rank above the tensor's own gains nothing. It is refused because files can declare tensors much
// larger than themselves (a stride of 0), and the factors are held in memory.
static bool check_rank(const matcher *m, const rk_tensor_info *a, const rk_shape *target) {
    const size_t rank = a->shape.dims[0];
    const size_t rows = target->dims[0], columns = target->dims[1];
    const size_t limit = rows < columns ? rows : columns;
    if (rank <= limit && rows <= RK__BLAS_MAX_SIZE && columns <= RK__BLAS_MAX_SIZE) return true;
    rk__adapter_fault(m->faults, "%s has rank %zu, expected at most %zu", a->name, rank, limit);
    return false;
}

static bool check_initial(const matcher *m, const rk__adapter_change *change,
                          const rk_shape *target) {
    if (m->adapter->init == NULL) return true;
    const rk_tensor_info *a = info_of(m, change, RK__KEY_A);
    if (!has(change, RK__KEY_INITIAL_A) && !has(change, RK__KEY_INITIAL_B)) {
        rk__adapter_fault(m->faults, "%s has no initial values", a->name);
        return false;
    }
    return check_product(m, change, target, RK__KEY_INITIAL_A, RK__KEY_INITIAL_B) &&
           check_rank(m, info_of(m, change, RK__KEY_INITIAL_A), target);
}

static void check_pair(const matcher *m, size_t tensor, rk__adapter_change *change) {
    const rk_shape target = shape_of(m, tensor);
    const bool any = has(change, RK__KEY_A) || has(change, RK__KEY_B);
    if (!any) {
        const bool has_a = has(change, RK__KEY_INITIAL_A);
        const rk__adapter_key key = has_a ? RK__KEY_INITIAL_A : RK__KEY_INITIAL_B;
        rk__adapter_fault(m->faults, "%s has no pair in the adapter",
                          info_of(m, change, key)->name);
    }
    const bool fits = any && check_product(m, change, &target, RK__KEY_A, RK__KEY_B) &&
                      check_rank(m, info_of(m, change, RK__KEY_A), &target) &&
                      check_initial(m, change, &target);
    if (!fits) drop_pair(change);
}

// Finds out how shards lie over the tensor; false when they do not fit.
static bool find_layout(matcher *m, rk__adapter_change *change, const rk_shape *shards,
                        const rk_shape *target) {
    const size_t rows = target->dims[0], columns = target->dims[1];
    const bool square = shards->n_dims == 3 && shards->dims[1] == shards->dims[2];
    const size_t size = shards->n_dims < 2 ? 0 : shards->dims[square ? 1 : 0];
    const size_t width = shards->n_dims < 2 ? 0 : shards->dims[1];
    if (size == 0 || width == 0) return false;
    if (shards->n_dims == 2 && size <= columns && rows % width == 0 &&
        (width == rows || change->layout == RK__SHARDS_BY_ROWS)) {
        change->layout = RK__SHARDS_ADDED; // narrower ones are peft's "mini" shards
        return true;
    }
    // The first Bone adapters: [out, rank], that is [out / rank, rank, rank].
    const bool flat = shards->n_dims == 2 && size == rows;
    const size_t block = flat ? width : size;
    if (!(flat || square) || rows % block != 0 || columns % block != 0) return false;
    const size_t n = flat ? rows / block : shards->dims[0];
    const bool by_rows = n == rows / block, by_columns = !flat && n == columns / block;
    m->n_by_rows += by_rows && !by_columns && !flat;
    m->n_by_columns += by_columns && !by_rows;
    if (by_rows != by_columns || flat) {
        change->layout = by_rows ? RK__SHARDS_BY_ROWS : RK__SHARDS_BY_COLUMNS;
    } else if (change->layout == RK__SHARDS_ADDED) {
        change->layout = RK__SHARDS_BY_COLUMNS; // unless others of the file tell otherwise
    }
    return by_rows || by_columns;
}

static void check_shards(matcher *m, size_t tensor, rk__adapter_change *change) {
    const rk__tensor_plan *plan = &m->model->plan.tensors[tensor];
    const rk_shape target = shape_of(m, tensor);
    const rk_tensor_info *info = info_of(m, change, RK__KEY_SHARDS);
    const bool is_layer = target.n_dims == 2 && !rk__arch_is_vector(plan->row) &&
                          plan->row->conversion == RK__AS_IS &&
                          target.dims[0] <= RK__BLAS_MAX_SIZE &&
                          target.dims[1] <= RK__BLAS_MAX_SIZE;
    if (is_layer && find_layout(m, change, &info->shape, &target)) return;
    char given[RK_SHAPE_TEXT], wanted[RK_SHAPE_TEXT];
    rk__adapter_fault(m->faults, "%s %s does not fit %s", info->name,
                      rk_shape_format(given, &info->shape), rk_shape_format(wanted, &target));
    drop(change, RK__KEY_SHARDS);
}

static void check_change(matcher *m, size_t tensor) {
    rk__adapter_change *change = &m->adapter->changes[tensor];
    if (has(change, RK__KEY_REPLACEMENT)) check_replacement(m, tensor, change);
    if (has(change, RK__KEY_SHARDS)) check_shards(m, tensor, change);
    if (has(change, RK__KEY_A) || has(change, RK__KEY_B) || has(change, RK__KEY_INITIAL_A) ||
        has(change, RK__KEY_INITIAL_B)) {
        check_pair(m, tensor, change);
    }
}

// Square matrices' shards lie as the file's others do.
static void settle_layouts(const matcher *m) {
    if ((m->n_by_rows > 0) == (m->n_by_columns > 0)) return;
    for (size_t i = 0; i < m->model->plan.n_tensors; i++) {
        rk__adapter_change *change = &m->adapter->changes[i];
        if (!has(change, RK__KEY_SHARDS) || change->layout == RK__SHARDS_ADDED) continue;
        if (info_of(m, change, RK__KEY_SHARDS)->shape.n_dims != 3) continue;
        change->layout = m->n_by_rows > 0 ? RK__SHARDS_BY_ROWS : RK__SHARDS_BY_COLUMNS;
    }
}

static void assign_all(const matcher *m, const rk_checkpoint *file) {
    const size_t n = file == NULL ? 0 : rk_checkpoint_count(file);
    for (size_t i = 0; i < n; i++) assign(m, file, i);
}

rk_status rk__adapter_match(rk__adapter *adapter, const rk__weights *model,
                            rk__adapter_faults *faults, rk_error *err) {
    matcher m = {.adapter = adapter, .model = model, .faults = faults};
    const size_t n_tensors = model->plan.n_tensors;
    RK_TRY(rk__model_names_init(&m.names, model, err));
    for (size_t i = 0; i < n_tensors; i++) {
        for (size_t k = 0; k < RK__N_KEYS; k++) adapter->changes[i].of[k] = RK__NO_TENSOR;
    }
    assign_all(&m, adapter->file);
    assign_all(&m, adapter->init);
    for (size_t i = 0; i < n_tensors; i++) check_change(&m, i);
    settle_layouts(&m);
    rk__model_names_fini(&m.names);
    return RK_OK;
}
