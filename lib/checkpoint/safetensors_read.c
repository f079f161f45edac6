// Reading safetensors files. The header is checked as the format's description demands: every
// tensor's bytes are as many as its shape needs, and all of them together cover the rest of the
// file without gaps or overlaps.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/json_document.h"
#include "checkpoint/safetensors.h"
#include "tensor/little_endian.h"

enum { LENGTH_BYTES = 8 };

static const char metadata_key[] = "__metadata__";

// Where one tensor's bytes are, counted from behind the header.
typedef struct extent {
    uint64_t begin, end;
    const char *name; // in the document
} extent;

typedef struct safetensors_reader {
    rk_checkpoint *checkpoint;
    const rk__file *file;
    uint64_t data; // offset of the tensors' bytes
    size_t storage;
    extent *extents; // [n_tensors], owned
    size_t n_tensors;
} safetensors_reader;

static bool is_safetensors(const uint8_t *head, size_t size) {
    if (size <= LENGTH_BYTES || head[LENGTH_BYTES] != '{') return false;
    // Text that has a brace by chance would make a length beyond any header.
    return rk__load_u64le(head) <= UINT32_MAX;
}

// ---- types

static const struct {
    const char *name;
    rk_dtype dtype;
} types[] = {
    {"F32", RK_DTYPE_F32}, {"F16", RK_DTYPE_F16},   {"BF16", RK_DTYPE_BF16}, {"F64", RK_DTYPE_F64},
    {"I64", RK_DTYPE_I64}, {"I32", RK_DTYPE_I32},   {"I16", RK_DTYPE_I16},   {"I8", RK_DTYPE_I8},
    {"U8", RK_DTYPE_U8},   {"BOOL", RK_DTYPE_BOOL},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

const char *rk__safetensors_type_name(rk_dtype dtype) {
    for (size_t i = 0; i < N_TYPES; i++) {
        if (types[i].dtype == dtype) return types[i].name;
    }
    return NULL;
}

bool rk__safetensors_dtype(rk_dtype *out, const char *name) {
    for (size_t i = 0; i < N_TYPES; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *out = types[i].dtype;
            return true;
        }
    }
    return false;
}

// ---- tensors

static rk_status fail_tensor(const safetensors_reader *r, const cJSON *tensor, const char *what,
                             rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT, "%s: tensor '%.100s' %s", r->file->path, tensor->string,
                    what);
}

static rk_status read_shape(const safetensors_reader *r, const cJSON *tensor, rk_shape *shape,
                            rk_error *err) {
    const cJSON *sizes = rk__json_only(tensor, "shape");
    const cJSON *size;
    if (!cJSON_IsArray(sizes)) return fail_tensor(r, tensor, "has no shape", err);
    *shape = (rk_shape){0};
    cJSON_ArrayForEach(size, sizes) {
        uint64_t count;
        if (shape->n_dims == RK_MAX_DIMS) {
            return fail_tensor(r, tensor, "has more than 8 dimensions", err);
        }
        if (!rk__json_count(size, &count)) {
            return fail_tensor(r, tensor, "has a size that is no whole number from 0 on", err);
        }
        shape->dims[shape->n_dims++] = count;
    }
    return RK_OK;
}

static rk_status read_extent(const safetensors_reader *r, const cJSON *tensor, extent *out,
                             rk_error *err) {
    const cJSON *offsets = rk__json_only(tensor, "data_offsets");
    const uint64_t size = r->file->size - r->data;
    if (cJSON_GetArraySize(offsets) != 2 || !cJSON_IsArray(offsets) ||
        !rk__json_count(offsets->child, &out->begin) ||
        !rk__json_count(offsets->child->next, &out->end)) {
        return fail_tensor(r, tensor, "has no pair of data_offsets", err);
    }
    if (out->begin > out->end || out->end > size) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor '%.100s' lies at bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64
                        " behind the header",
                        r->file->path, tensor->string, out->begin, out->end, size);
    }
    out->name = tensor->string;
    return RK_OK;
}

static rk_status read_type(const safetensors_reader *r, const cJSON *tensor, rk_dtype *dtype,
                           rk_error *err) {
    const cJSON *type = rk__json_only(tensor, "dtype");
    if (!cJSON_IsString(type)) return fail_tensor(r, tensor, "has no dtype", err);
    if (rk__safetensors_dtype(dtype, type->valuestring)) return RK_OK;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: tensor '%.100s' has type %.40s, which is not read", r->file->path,
                    tensor->string, type->valuestring);
}

static rk_status add_tensor(safetensors_reader *r, const cJSON *tensor, rk_error *err) {
    extent *where = &r->extents[r->n_tensors];
    rk_tensor_info info = {.name = tensor->string};
    size_t bytes;
    char shape[RK_SHAPE_TEXT];
    if (!cJSON_IsObject(tensor) || cJSON_GetArraySize(tensor) != 3) {
        return fail_tensor(r, tensor, "is not described by dtype, shape and data_offsets", err);
    }
    RK_TRY(read_type(r, tensor, &info.dtype, err));
    RK_TRY(read_shape(r, tensor, &info.shape, err));
    RK_TRY(read_extent(r, tensor, where, err));
    if (!rk_tensor_bytes(&bytes, &info) || bytes != where->end - where->begin) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor '%.100s' %s of type %s does not have the %" PRIu64
                        " bytes of its data_offsets",
                        r->file->path, info.name, rk_shape_format(shape, &info.shape),
                        rk_dtype_describe(info.dtype)->name, where->end - where->begin);
    }
    rk__view view = {.storage = r->storage, .offset = where->begin};
    rk__contiguous_strides(view.strides, &info.shape);
    RK_TRY(rk__checkpoint_add_tensor(r->checkpoint, info.name, strlen(info.name), info.dtype,
                                     &info.shape, &view, err));
    r->n_tensors++;
    return RK_OK;
}

static int compare_extents(const void *a, const void *b) {
    const extent *left = a, *right = b;
    if (left->begin != right->begin) return left->begin < right->begin ? -1 : 1;
    return (left->end > right->end) - (left->end < right->end);
}

static rk_status check_cover(const safetensors_reader *r, rk_error *err) {
    uint64_t covered = 0;
    qsort(r->extents, r->n_tensors, sizeof *r->extents, compare_extents);
    for (size_t i = 0; i < r->n_tensors; i++) {
        const extent *next = &r->extents[i];
        if (next->begin != covered) {
            return rk__fail(err, RK_ERR_FORMAT,
                            "%s: tensor '%.100s' begins at byte %" PRIu64
                            " behind the header, and those before it end at %" PRIu64,
                            r->file->path, next->name, next->begin, covered);
        }
        covered = next->end;
    }
    if (covered == r->file->size - r->data) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: the tensors end at byte %" PRIu64
                    " behind the header, the file at %" PRIu64,
                    r->file->path, covered, r->file->size - r->data);
}

// ---- the file

static bool is_metadata(const cJSON *notes) {
    const cJSON *note;
    if (!cJSON_IsObject(notes)) return false;
    cJSON_ArrayForEach(note, notes) {
        if (!cJSON_IsString(note)) return false;
    }
    return true;
}

static rk_status keep_metadata(rk_checkpoint *checkpoint, const cJSON *notes, rk_error *err) {
    const cJSON *note;
    cJSON_ArrayForEach(note, notes) {
        RK_TRY(rk__checkpoint_add_note(checkpoint, note->string, note->valuestring, err));
    }
    return RK_OK;
}

static rk_status read_tensors(safetensors_reader *r, const cJSON *header, rk_error *err) {
    void *memory;
    const cJSON *item;
    size_t n_metadata = 0;
    RK_TRY(rk__alloc(&memory, (size_t)cJSON_GetArraySize(header), sizeof *r->extents, err));
    r->extents = memory;
    cJSON_ArrayForEach(item, header) {
        if (strcmp(item->string, metadata_key) != 0) {
            RK_TRY(add_tensor(r, item, err));
        } else if (n_metadata++ > 0 || !is_metadata(item)) {
            return rk__fail(err, RK_ERR_FORMAT,
                            "%s: %s is no dictionary of texts, or is there twice", r->file->path,
                            metadata_key);
        } else {
            RK_TRY(keep_metadata(r->checkpoint, item, err));
        }
    }
    return check_cover(r, err);
}

static rk_status read_header(safetensors_reader *r, cJSON **header, rk_error *err) {
    uint8_t length[LENGTH_BYTES];
    RK_TRY(rk__file_read(r->file, 0, length, sizeof length, err));
    const uint64_t size = rk__load_u64le(length);
    if (size > r->file->size - LENGTH_BYTES) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: a safetensors header of %" PRIu64 " bytes in a file of %" PRIu64,
                        r->file->path, size, r->file->size);
    }
    r->data = LENGTH_BYTES + size;
    return rk__json_read(header, r->file, LENGTH_BYTES, size, "safetensors header", err);
}

static rk_status read_safetensors(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    checkpoint->container = RK_CONTAINER_SAFETENSORS;
    safetensors_reader r = {.checkpoint = checkpoint, .file = &checkpoint->files[file]};
    cJSON *header = NULL;
    rk_status status = read_header(&r, &header, err);
    if (status == RK_OK) {
        const rk__storage data = {.file = file,
                                  .offset = r.data,
                                  .size = r.file->size - r.data,
                                  .packed_size = r.file->size - r.data};
        status = rk__checkpoint_add_storage(checkpoint, &data, &r.storage, err);
    }
    if (status == RK_OK) status = read_tensors(&r, header, err);
    cJSON_Delete(header);
    rk__free(r.extents);
    return status;
}

const rk__container_reader rk__safetensors_reader = {.sniff = is_safetensors,
                                                     .read = read_safetensors};
