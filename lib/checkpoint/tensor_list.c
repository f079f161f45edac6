// The list of storages and tensors that the readers of containers fill: every view is checked
// against its storage before it gets in.
#include "checkpoint/checkpoint_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

// A view may show more bytes than its file holds (stride 0); beyond this many times the file's size
// and this many bytes it is a trap for whoever copies it out.
enum { MAX_EXPANSION = 8 };
static const uint64_t ALWAYS_ALLOWED = UINT64_C(64) << 20;

rk_status rk__checkpoint_add_storage(rk_checkpoint *checkpoint, const rk__storage *storage,
                                     size_t *index, rk_error *err) {
    const rk__file *file = &checkpoint->files[storage->file];
    if (storage->offset > file->size || storage->packed_size > file->size - storage->offset) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: %" PRIu64 " bytes of tensor data at byte %" PRIu64
                        " do not fit into the file of %" PRIu64 " bytes",
                        file->path, storage->packed_size, storage->offset, file->size);
    }
    void *storages = checkpoint->storages;
    RK_TRY(rk__grow(&storages, &checkpoint->storages_capacity, checkpoint->n_storages + 1,
                    sizeof *storage, err));
    checkpoint->storages = storages;
    checkpoint->storages[checkpoint->n_storages] = *storage;
    *index = checkpoint->n_storages++;
    return RK_OK;
}

void rk__contiguous_strides(size_t strides[RK_MAX_DIMS], const rk_shape *shape) {
    size_t stride = 1;
    for (size_t i = shape->n_dims; i > 0; i--) {
        strides[i - 1] = stride;
        stride *= shape->dims[i - 1];
    }
}

// Names go into C strings, model files and messages.
static bool is_good_name(const char *name, size_t length) {
    for (size_t i = 0; i < length;) {
        uint32_t code;
        const size_t bytes = rk__utf8_decode(&code, name + i, length - i);
        if (bytes == 0 || code == 0) return false;
        i += bytes;
    }
    return true;
}

// Elements from the first to behind the last one that a view reaches; false on overflow.
static bool view_extent(size_t *out, const rk_shape *shape, const rk__view *view) {
    size_t last = 0;
    for (size_t i = 0; i < shape->n_dims; i++) {
        size_t reach;
        if (!rk_size_mul(&reach, shape->dims[i] - 1, view->strides[i])) return false;
        if (!rk_size_add(&last, last, reach)) return false;
    }
    return rk_size_add(out, last, 1);
}

static bool is_contiguous(const rk_shape *shape, const rk__view *view) {
    size_t usual[RK_MAX_DIMS];
    rk__contiguous_strides(usual, shape);
    for (size_t i = 0; i < shape->n_dims; i++) {
        if (shape->dims[i] != 1 && view->strides[i] != usual[i]) return false;
    }
    return true;
}

// The tensor as a candidate, with what its messages need.
typedef struct candidate {
    rk_checkpoint *checkpoint;
    const char *path;
    rk_tensor_info info; // name borrowed from the caller's copy
    rk__view view;
} candidate;

static rk_status check_view(candidate *tensor, size_t elements, size_t bytes, rk_error *err) {
    const rk__storage *storage = &tensor->checkpoint->storages[tensor->view.storage];
    const rk_dtype_info *type = rk_dtype_describe(tensor->info.dtype);
    char shape[RK_SHAPE_TEXT];

    tensor->view.contiguous = elements == 0 || is_contiguous(&tensor->info.shape, &tensor->view);
    if (elements == 0) return RK_OK;
    size_t extent = bytes;
    bool fits = true;
    if (type->class_ != RK_CLASS_BLOCK) {
        fits = view_extent(&extent, &tensor->info.shape, &tensor->view) &&
               rk_size_mul(&extent, extent, type->block_bytes);
    }
    if (!fits || extent > storage->size || tensor->view.offset > storage->size - extent) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor '%.100s' %s reaches from byte %" PRIu64
                        " to beyond its data of %" PRIu64 " bytes",
                        tensor->path, tensor->info.name,
                        rk_shape_format(shape, &tensor->info.shape), tensor->view.offset,
                        storage->size);
    }
    if (bytes <= storage->size) return RK_OK;
    // Together they must not need more memory than the file's size explains.
    const uint64_t file_size = tensor->checkpoint->files[storage->file].size;
    uint64_t *expanded = &tensor->checkpoint->expanded;
    *expanded = bytes > UINT64_MAX - *expanded ? UINT64_MAX : *expanded + bytes;
    if (*expanded > ALWAYS_ALLOWED && *expanded / MAX_EXPANSION > file_size) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: tensor '%.100s' %s repeats its data to %zu bytes; such tensors have "
                        "more than %d times the file's size",
                        tensor->path, tensor->info.name,
                        rk_shape_format(shape, &tensor->info.shape), bytes, MAX_EXPANSION);
    }
    return RK_OK;
}

static rk_status check_tensor(candidate *tensor, rk_error *err) {
    const rk_tensor_info *info = &tensor->info;
    char shape[RK_SHAPE_TEXT];
    size_t rows, columns, elements, bytes;
    if (!rk_shape_elements(&elements, &info->shape) ||
        !rk_shape_matrix(&rows, &columns, &info->shape)) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: tensor '%.100s' %s has more than 2^64 elements",
                        tensor->path, info->name, rk_shape_format(shape, &info->shape));
    }
    if (!rk_tensor_bytes(&bytes, info)) {
        const rk_dtype_info *type = rk_dtype_describe(info->dtype);
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor '%.100s' %s cannot be %s: rows must be multiples of %zu "
                        "values and the size below 2^64 bytes",
                        tensor->path, info->name, rk_shape_format(shape, &info->shape), type->name,
                        type->block_values);
    }
    return check_view(tensor, elements, bytes, err);
}

static rk_status append_tensor(rk_checkpoint *checkpoint, const candidate *tensor, rk_error *err) {
    const size_t needed = checkpoint->n_tensors + 1;
    void *tensors = checkpoint->tensors;
    RK_TRY(rk__grow(&tensors, &checkpoint->tensors_capacity, needed, sizeof tensor->info, err));
    checkpoint->tensors = tensors;
    void *views = checkpoint->views;
    RK_TRY(rk__grow(&views, &checkpoint->views_capacity, needed, sizeof tensor->view, err));
    checkpoint->views = views;

    checkpoint->tensors[checkpoint->n_tensors] = tensor->info;
    checkpoint->views[checkpoint->n_tensors] = tensor->view;
    checkpoint->n_tensors++;
    return RK_OK;
}

rk_status rk__checkpoint_add_tensor(rk_checkpoint *checkpoint, const char *name, size_t name_length,
                                    rk_dtype dtype, const rk_shape *shape, const rk__view *view,
                                    rk_error *err) {
    const char *path = checkpoint->files[checkpoint->storages[view->storage].file].path;
    if (!is_good_name(name, name_length)) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor %zu has a name that is no UTF-8 or holds a NUL: '%.*s'", path,
                        checkpoint->n_tensors, (int)(name_length < 100 ? name_length : 100), name);
    }
    if (checkpoint->n_tensors >= RK__MAX_TENSORS) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: holds more than %d tensors", path,
                        RK__MAX_TENSORS);
    }
    // One long name may stand before many tensors of a pickle.
    if (name_length > RK__MAX_NAME_BYTES - checkpoint->n_name_bytes) {
        return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: the names of %zu tensors exceed %d bytes",
                        path, checkpoint->n_tensors + 1, RK__MAX_NAME_BYTES);
    }
    checkpoint->n_name_bytes += name_length;
    char *copy;
    RK_TRY(rk__copy_string(&copy, name, name_length, err));
    candidate tensor = {
        .checkpoint = checkpoint,
        .path = path,
        .info = {.name = copy, .dtype = dtype, .shape = *shape},
        .view = *view,
    };
    rk_status status = check_tensor(&tensor, err);
    if (status == RK_OK) status = append_tensor(checkpoint, &tensor, err);
    if (status != RK_OK) rk__free(copy);
    return status;
}

rk_status rk__checkpoint_add_note(rk_checkpoint *checkpoint, const char *key, const char *value,
                                  rk_error *err) {
    const size_t n_key = strlen(key), n_value = strlen(value);
    if (checkpoint->n_notes == RK__MAX_NOTES || n_key > RK__MAX_NOTE_BYTES ||
        n_value > RK__MAX_NOTE_BYTES - n_key) {
        return RK_OK;
    }
    void *notes = checkpoint->notes;
    RK_TRY(rk__grow(&notes, &checkpoint->notes_capacity, checkpoint->n_notes + 1,
                    sizeof *checkpoint->notes, err));
    checkpoint->notes = notes;
    rk__note *note = &checkpoint->notes[checkpoint->n_notes++]; // freed with the checkpoint
    *note = (rk__note){0};
    RK_TRY(rk__copy_string(&note->key, key, n_key, err));
    return rk__copy_string(&note->value, value, n_value, err);
}
