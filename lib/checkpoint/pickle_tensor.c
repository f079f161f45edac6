// Tensors and storages out of pickles: checked when they are built, described when they are wanted.
#include "checkpoint/pickle_tensor.h"

#include <string.h>

#include "base/memory.h"

// Storage classes. Those of `supported` false are known, but no tensor of theirs can be read.
typedef struct storage_class {
    const char *name;
    size_t element_bytes;
    bool supported, untyped;
    rk_dtype dtype;
} storage_class;

static const storage_class storage_classes[] = {
    {"FloatStorage", 4, true, false, RK_DTYPE_F32},
    {"HalfStorage", 2, true, false, RK_DTYPE_F16},
    {"BFloat16Storage", 2, true, false, RK_DTYPE_BF16},
    {"DoubleStorage", 8, true, false, RK_DTYPE_F64},
    {"LongStorage", 8, true, false, RK_DTYPE_I64},
    {"IntStorage", 4, true, false, RK_DTYPE_I32},
    {"ShortStorage", 2, true, false, RK_DTYPE_I16},
    {"CharStorage", 1, true, false, RK_DTYPE_I8},
    {"ByteStorage", 1, true, false, RK_DTYPE_U8},
    {"BoolStorage", 1, true, false, RK_DTYPE_BOOL},
    {"UntypedStorage", 1, true, true, RK_DTYPE_U8},
    {"ComplexFloatStorage", 8, false, false, RK_DTYPE_U8},
    {"ComplexDoubleStorage", 16, false, false, RK_DTYPE_U8},
    {"QInt8Storage", 1, false, false, RK_DTYPE_U8},
    {"QUInt8Storage", 1, false, false, RK_DTYPE_U8},
    {"QInt32Storage", 4, false, false, RK_DTYPE_U8},
    {"QUInt4x2Storage", 1, false, false, RK_DTYPE_U8},
    {"QUInt2x4Storage", 1, false, false, RK_DTYPE_U8},
};
enum { N_STORAGE_CLASSES = sizeof storage_classes / sizeof storage_classes[0] };

// The names of torch's types, which tensors in untyped storages carry.
typedef struct type_name {
    const char *name;
    rk_dtype dtype;
} type_name;

static const type_name type_names[] = {
    {"float32", RK_DTYPE_F32}, {"float", RK_DTYPE_F32},     {"float16", RK_DTYPE_F16},
    {"half", RK_DTYPE_F16},    {"bfloat16", RK_DTYPE_BF16}, {"float64", RK_DTYPE_F64},
    {"double", RK_DTYPE_F64},  {"int64", RK_DTYPE_I64},     {"long", RK_DTYPE_I64},
    {"int32", RK_DTYPE_I32},   {"int", RK_DTYPE_I32},       {"int16", RK_DTYPE_I16},
    {"short", RK_DTYPE_I16},   {"int8", RK_DTYPE_I8},       {"uint8", RK_DTYPE_U8},
    {"bool", RK_DTYPE_BOOL},
};

// The functions that rebuild tensors.
typedef enum rebuild {
    REBUILD_V1,    // storage, offset, sizes, strides
    REBUILD_V2,    // and requires_grad, hooks, (metadata)
    REBUILD_V3,    // and the type, (metadata)
    REBUILD_OTHER, // quantized, sparse, meta, ... tensors: known to be tensors, but not readable
} rebuild;

typedef struct rebuild_function {
    const char *name;
    rebuild how;
    size_t least, most; // arguments
} rebuild_function;

static const rebuild_function rebuild_functions[] = {
    {"_rebuild_tensor", REBUILD_V1, 4, 4},
    {"_rebuild_tensor_v2", REBUILD_V2, 6, 7},
    {"_rebuild_tensor_v3", REBUILD_V3, 7, 8},
    {"_rebuild_qtensor", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_sparse_tensor", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_nested_tensor", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_meta_tensor_no_storage", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_device_tensor_from_numpy", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_device_tensor_from_cpu_tensor", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_xla_tensor", REBUILD_OTHER, 0, SIZE_MAX},
    {"_rebuild_wrapper_subclass", REBUILD_OTHER, 0, SIZE_MAX},
};

static bool same_text(const char *text, size_t length, const char *name) {
    return length == strlen(name) && memcmp(text, name, length) == 0;
}

// ---- storages

static bool class_of_storage(const rk__pickle_values *values, rk__value value, uint8_t *row) {
    const rk__pickle_node *node = rk__pickle_node_of(values, value);
    if (node->kind != RK__PICKLE_GLOBAL) return false;
    if (!rk__pickle_text_is(values, node->as.global.module, "torch") &&
        !rk__pickle_text_is(values, node->as.global.module, "torch.cuda") &&
        !rk__pickle_text_is(values, node->as.global.module, "torch.storage")) {
        return false;
    }
    for (size_t i = 0; i < N_STORAGE_CLASSES; i++) {
        if (rk__pickle_text_is(values, node->as.global.name, storage_classes[i].name)) {
            *row = (uint8_t)i;
            return true;
        }
    }
    return false;
}

// A number that counts something: an integer from 0 on.
static bool is_count(const rk__pickle_values *values, rk__value value, uint64_t *out) {
    const rk__pickle_node *node = rk__pickle_node_of(values, value);
    if (node->kind != RK__PICKLE_INTEGER || node->as.integer < 0) return false;
    *out = (uint64_t)node->as.integer;
    return true;
}

static rk_status fail_id(rk__pickle_machine *m, const char *what) {
    return rk__pickle_fail(m, RK_ERR_FORMAT, "the persistent id of a storage %s", what);
}

// The item of old files that makes a storage a part of another one: (key, offset, count).
static bool is_storage_view(const rk__pickle_values *values, rk__value item) {
    uint64_t number;
    rk__value part;
    if (rk__pickle_kind(values, item) == RK__PICKLE_NONE) return true;
    return rk__pickle_kind(values, item) == RK__PICKLE_TUPLE &&
           rk__pickle_node_of(values, item)->count == 3 &&
           rk__pickle_item(values, item, 1, &part) && is_count(values, part, &number) &&
           rk__pickle_item(values, item, 2, &part) && is_count(values, part, &number);
}

static rk_status read_class(rk__pickle_machine *m, rk__value value, uint8_t *row) {
    *row = 0;
    const rk__pickle_values *values = m->values;
    const rk__pickle_node *node = rk__pickle_node_of(values, value);
    if (node->kind != RK__PICKLE_GLOBAL) return fail_id(m, "names no class");
    if (class_of_storage(values, value, row)) return RK_OK;
    enum { QUOTED = 100 };
    size_t n_module, n_name;
    const char *module = rk__pickle_text(values, node->as.global.module, &n_module);
    const char *name = rk__pickle_text(values, node->as.global.name, &n_name);
    return rk__pickle_fail(m, RK_ERR_UNSUPPORTED, "%.*s.%.*s is no class of storages that is known",
                           (int)(n_module < QUOTED ? n_module : QUOTED), module,
                           (int)(n_name < QUOTED ? n_name : QUOTED), name);
}

static rk_status build_storage(rk__pickle_machine *m, rk__value id, const rk__value items[6],
                               size_t n, rk__value *result) {
    const rk__pickle_values *values = m->values;
    uint8_t row;
    uint64_t count;
    size_t bytes;
    if (n != 5 && !(m->source->legacy && n == 6)) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "the persistent id of a storage has %u items",
                               rk__pickle_node_of(values, id)->count);
    }
    RK_TRY(read_class(m, items[1], &row));
    if (rk__pickle_kind(values, items[2]) != RK__PICKLE_TEXT) return fail_id(m, "has no key");
    if (rk__pickle_node_of(values, items[2])->count > RK__MAX_STORAGE_KEY)
        return fail_id(m, "has a long key");
    if (rk__pickle_kind(values, items[3]) != RK__PICKLE_TEXT) return fail_id(m, "has no location");
    if (!is_count(values, items[4], &count) ||
        !rk_size_mul(&bytes, count, storage_classes[row].element_bytes)) {
        return fail_id(m, "has no possible number of elements");
    }
    if (n == 6 && !is_storage_view(values, items[5])) return fail_id(m, "has a strange view");
    return rk__pickle_new(m, result, rk__pickle_with_items_of(values, id, RK__PICKLE_STORAGE, row));
}

rk_status rk__pickle_persistent(rk__pickle_machine *m, rk__value id, rk__value *result) {
    const rk__pickle_values *values = m->values;
    const rk__value_kind kind = rk__pickle_kind(values, id);
    if (kind != RK__PICKLE_TUPLE) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a persistent id is %s, not a tuple",
                               rk__pickle_kind_name(kind));
    }
    rk__value items[7];
    size_t n = 0;
    uint32_t at = rk__pickle_first(values, id);
    while (n < 7 && rk__pickle_next(values, &at, &items[n])) n++;
    if (n > 0 && rk__pickle_text_is(values, items[0], "storage")) {
        return build_storage(m, id, items, n, result);
    }
    // Old files may carry classes with their source code.
    if (m->source->legacy && n == 4 && rk__pickle_text_is(values, items[0], "module")) {
        *result = items[1];
        return RK_OK;
    }
    return rk__pickle_fail(m, RK_ERR_FORMAT, "a persistent id of %zu items that is no storage", n);
}

void rk__pickled_storage_of(const rk__pickle_values *values, rk__value storage,
                            rk__pickled_storage *out) {
    const rk__pickle_node *node = rk__pickle_node_of(values, storage);
    const storage_class *class_ = &storage_classes[node->detail];
    rk__value key, count, view, part;
    *out = (rk__pickled_storage){.type = class_->name,
                                 .supported = class_->supported,
                                 .untyped = class_->untyped,
                                 .element_bytes = class_->element_bytes,
                                 .dtype = class_->dtype};
    (void)rk__pickle_item(values, storage, 2, &key);
    (void)rk__pickle_item(values, storage, 4, &count);
    out->key = rk__pickle_text(values, key, &out->key_length);
    (void)is_count(values, count, &out->count);
    if (rk__pickle_item(values, storage, 5, &view) && rk__pickle_item(values, view, 1, &part)) {
        (void)is_count(values, part, &out->view_offset);
    }
}

// ---- tensors

static rk_status fail_tensor(rk__pickle_machine *m, const char *what) {
    return rk__pickle_fail(m, RK_ERR_FORMAT, "a tensor %s", what);
}

// Sizes or strides: a tuple of counts. *n is their number, of which the first ones get into out. No
// others are looked at: many tensors may share one tuple of a million sizes, and none of them can
// be read.
static bool read_counts(const rk__pickle_values *values, rk__value tuple, size_t out[RK_MAX_DIMS],
                        size_t *n) {
    if (rk__pickle_kind(values, tuple) != RK__PICKLE_TUPLE) return false;
    *n = rk__pickle_node_of(values, tuple)->count;
    uint32_t at = rk__pickle_first(values, tuple);
    rk__value item;
    for (size_t i = 0; i < RK_MAX_DIMS && rk__pickle_next(values, &at, &item); i++) {
        uint64_t count;
        if (!is_count(values, item, &count)) return false;
        out[i] = (size_t)count;
    }
    return true;
}

static bool type_of_tensor(const rk__pickle_values *values, rk__value value, rk_dtype *out) {
    const rk__pickle_node *node = rk__pickle_node_of(values, value);
    if (node->kind != RK__PICKLE_GLOBAL ||
        !rk__pickle_text_is(values, node->as.global.module, "torch")) {
        return false;
    }
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (rk__pickle_text_is(values, node->as.global.name, type_names[i].name)) {
            *out = type_names[i].dtype;
            return true;
        }
    }
    return false;
}

// Conjugated and negated views are written with a flag behind the other arguments.
static bool has_flags(const rk__pickle_values *values, rk__value arguments, size_t place) {
    rk__value flags;
    return rk__pickle_item(values, arguments, place, &flags) &&
           rk__pickle_kind(values, flags) == RK__PICKLE_DICT &&
           rk__pickle_node_of(values, flags)->count > 0;
}

void rk__pickled_tensor_of(const rk__pickle_values *values, rk__value tensor,
                           rk__pickled_tensor *out) {
    const rebuild_function *function =
        &rebuild_functions[rk__pickle_node_of(values, tensor)->detail];
    *out = (rk__pickled_tensor){.unsupported = NULL};
    if (function->how == REBUILD_OTHER) {
        out->unsupported = function->name;
        return;
    }
    rk__value storage, offset, sizes, strides, type;
    size_t n;
    (void)rk__pickle_item(values, tensor, 0, &storage);
    (void)rk__pickle_item(values, tensor, 1, &offset);
    (void)rk__pickle_item(values, tensor, 2, &sizes);
    (void)rk__pickle_item(values, tensor, 3, &strides);
    rk__pickled_storage_of(values, storage, &out->storage);
    (void)is_count(values, offset, &out->offset);
    (void)read_counts(values, sizes, out->shape.dims, &out->shape.n_dims);
    (void)read_counts(values, strides, out->strides, &n);

    out->dtype = out->storage.dtype;
    if (!out->storage.supported) out->unsupported = out->storage.type;
    if (out->shape.n_dims > RK_MAX_DIMS) out->unsupported = "more than 8 dimensions";
    if (function->how == REBUILD_V3 && rk__pickle_item(values, tensor, 6, &type) &&
        !type_of_tensor(values, type, &out->dtype)) {
        out->unsupported = "a type that is not known";
    }
    if (out->storage.untyped && function->how != REBUILD_V3) {
        out->unsupported = "an untyped storage";
    }
    const size_t flags = function->how == REBUILD_V3 ? 7 : 6;
    if (function->how != REBUILD_V1 && has_flags(values, tensor, flags)) {
        out->unsupported = "a conjugated or negated view";
    }
}

static rk_status check_tensor(rk__pickle_machine *m, rk__value arguments) {
    const rk__pickle_values *values = m->values;
    rk__value items[4];
    uint64_t offset;
    size_t ignored[RK_MAX_DIMS], n_sizes, n_strides;
    for (size_t i = 0; i < 4; i++) (void)rk__pickle_item(values, arguments, i, &items[i]);
    if (rk__pickle_kind(values, items[0]) != RK__PICKLE_STORAGE) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a tensor whose storage is %s",
                               rk__pickle_kind_name(rk__pickle_kind(values, items[0])));
    }
    if (!is_count(values, items[1], &offset)) {
        return fail_tensor(m, "whose offset is no number from 0 to 2^63");
    }
    if (!read_counts(values, items[2], ignored, &n_sizes)) {
        return fail_tensor(m, "whose sizes are no tuple of numbers from 0 to 2^63");
    }
    if (!read_counts(values, items[3], ignored, &n_strides)) {
        return fail_tensor(m, "whose strides are no tuple of numbers from 0 to 2^63");
    }
    if (n_sizes != n_strides) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a tensor of %zu sizes and %zu strides", n_sizes,
                               n_strides);
    }
    return RK_OK;
}

// A parameter is a tensor and something about training.
static rk_status rebuild_parameter(rk__pickle_machine *m, rk__value arguments, rk__value *result) {
    if (!rk__pickle_item(m->values, arguments, 0, result)) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a parameter without a tensor");
    }
    const rk__value_kind kind = rk__pickle_kind(m->values, *result);
    if (kind == RK__PICKLE_TENSOR) return RK_OK;
    return rk__pickle_fail(m, RK_ERR_FORMAT, "a parameter whose tensor is %s",
                           rk__pickle_kind_name(kind));
}

rk_status rk__pickle_rebuild(rk__pickle_machine *m, const char *name, size_t length,
                             rk__value arguments, bool *known, rk__value *result) {
    *known = true;
    if (same_text(name, length, "_rebuild_parameter") ||
        same_text(name, length, "_rebuild_parameter_with_state")) {
        return rebuild_parameter(m, arguments, result);
    }
    const size_t n = rk__pickle_node_of(m->values, arguments)->count;
    for (size_t i = 0; i < sizeof rebuild_functions / sizeof rebuild_functions[0]; i++) {
        const rebuild_function *function = &rebuild_functions[i];
        if (!same_text(name, length, function->name)) continue;
        if (n < function->least || n > function->most) {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "torch._utils.%s with %zu arguments",
                                   function->name, n);
        }
        if (function->how != REBUILD_OTHER) RK_TRY(check_tensor(m, arguments));
        return rk__pickle_new(
            m, result,
            rk__pickle_with_items_of(m->values, arguments, RK__PICKLE_TENSOR, (uint8_t)i));
    }
    *known = false;
    return RK_OK;
}
