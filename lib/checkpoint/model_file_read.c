// Reading model files: a header, then one record after the other until the end of the file.
#include <inttypes.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/model_file.h"

enum {
    RECORD_BYTES = 12, // before the shape and the name
    MAX_NAME = 4096,   // bytes; the names of models have under 50
    MAX_LAYERS = 1 << 16,
};

// A file being read.
typedef struct model_reader {
    rk_checkpoint *checkpoint;
    const rk__file *file;
    rk__model_file_header header;
    size_t storage;    // the whole file
    bool slow_first;   // shapes are in PyTorch's order, slowest-running size first
    uint64_t position; // of the next record
    size_t n_records;
} model_reader;

// The fields of a record before its data.
typedef struct record {
    uint32_t n_dims;
    uint32_t name_length;
    int32_t type;
    int32_t sizes[RK__MODEL_FILE_MAX_DIMS]; // as in the file
    char name[MAX_NAME];
    rk_dtype dtype;
    rk_shape shape;
} record;

static bool is_model_file(const uint8_t *head, size_t size) {
    rk__cursor in = rk__cursor_over(head, size);
    return rk__cursor_u32le(&in) == RK__MODEL_FILE_MAGIC && !in.failed;
}

// ---- header

// A size above 0; 0 for what is none.
static size_t read_count(rk__cursor *in) {
    const int32_t value = rk__cursor_i32le(in);
    return value > 0 ? (size_t)value : 0;
}

static rk_status read_header(model_reader *r, rk_error *err) {
    const char *path = r->file->path;
    uint8_t bytes[RK__MODEL_FILE_HEADER_BYTES];
    if (r->file->size < sizeof bytes) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: a model file of %" PRIu64 " bytes; its header alone has %zu", path,
                        r->file->size, sizeof bytes);
    }
    RK_TRY(rk__file_read(r->file, 0, bytes, sizeof bytes, err));
    rk__cursor in = rk__cursor_over(bytes, sizeof bytes);
    (void)rk__cursor_u32le(&in); // magic
    r->header.version = rk__cursor_u32le(&in);
    if (r->header.version != 100 && r->header.version != 101) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: a model file of version %" PRIu32 "; versions 100 and 101 can be read",
                        path, r->header.version);
    }
    r->header.n_vocab = read_count(&in);
    r->header.n_embd = read_count(&in);
    r->header.n_layer = read_count(&in);
    if (r->header.n_vocab == 0 || r->header.n_embd == 0 || r->header.n_layer == 0 ||
        r->header.n_layer > MAX_LAYERS) {
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: the model file's header says n_vocab %zu, n_embed %zu, n_layer %zu; "
                        "none can be 0 or below, nor layers more than %d",
                        path, r->header.n_vocab, r->header.n_embd, r->header.n_layer, MAX_LAYERS);
    }
    const int32_t type = rk__cursor_i32le(&in);
    if (!rk__model_file_dtype(&r->header.dtype, type, r->header.version)) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: the model file's header says type %" PRId32
                        " (%s), which version %" PRIu32 " files cannot have here",
                        path, type, rk__model_file_type_name(type), r->header.version);
    }
    r->checkpoint->model_header = r->header;
    r->position = sizeof bytes;
    return RK_OK;
}

// ---- records

static rk_status fail_cut(const model_reader *r, const char *what, uint64_t needed, rk_error *err) {
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: the file ends within tensor record %zu at byte %" PRIu64
                    ": its %s needs %" PRIu64 " bytes, %" PRIu64 " are left",
                    r->file->path, r->n_records, r->position, what, needed,
                    r->file->size - r->position);
}

// Reads the next `size` bytes of the file.
static rk_status take(model_reader *r, void *out, size_t size, const char *what, rk_error *err) {
    if (r->file->size - r->position < size) return fail_cut(r, what, size, err);
    RK_TRY(rk__file_read(r->file, r->position, out, size, err));
    r->position += size;
    return RK_OK;
}

static rk_status read_start(model_reader *r, record *next, rk_error *err) {
    uint8_t bytes[RECORD_BYTES];
    const uint64_t at = r->position;
    RK_TRY(take(r, bytes, sizeof bytes, "start", err));
    rk__cursor in = rk__cursor_over(bytes, sizeof bytes);
    next->n_dims = rk__cursor_u32le(&in);
    next->name_length = rk__cursor_u32le(&in);
    next->type = rk__cursor_i32le(&in);
    const uint32_t most = r->header.version == 100 ? 2 : RK__MODEL_FILE_MAX_DIMS;
    if (next->n_dims < 1 || next->n_dims > most || next->name_length < 1 ||
        next->name_length > MAX_NAME - 1) {
        return rk__fail(
            err, RK_ERR_FORMAT,
            "%s: tensor record %zu at byte %" PRIu64 " has %" PRIu32 " dimensions (1 to %" PRIu32
            " are possible) and a name of %" PRIu32 " bytes (1 to %d)",
            r->file->path, r->n_records, at, next->n_dims, most, next->name_length, MAX_NAME - 1);
    }
    return RK_OK;
}

// Sizes come before the name in the file.
static rk_status read_sizes_and_name(model_reader *r, record *next, rk_error *err) {
    uint8_t bytes[4 * RK__MODEL_FILE_MAX_DIMS];
    RK_TRY(take(r, bytes, 4 * next->n_dims, "shape", err));
    RK_TRY(take(r, next->name, next->name_length, "name", err));
    next->name[next->name_length] = '\0';
    rk__cursor in = rk__cursor_over(bytes, 4 * next->n_dims);
    for (uint32_t i = 0; i < next->n_dims; i++) {
        next->sizes[i] = rk__cursor_i32le(&in);
        if (next->sizes[i] > 0) continue;
        return rk__fail(err, RK_ERR_FORMAT,
                        "%s: tensor '%.100s' has a size of %" PRId32 " in dimension %" PRIu32,
                        r->file->path, next->name, next->sizes[i], i);
    }
    return RK_OK;
}

// Files of version 100 written before April 2023 have their sizes in the other order. The
// embedding, always the first tensor, shows it: its sizes are the header's.
static void find_order(model_reader *r, const record *first) {
    if (r->header.version != 100 || first->n_dims != 2) return;
    if (strcmp(first->name, "emb.weight") != 0 || r->header.n_vocab == r->header.n_embd) return;
    r->slow_first =
        (size_t)first->sizes[0] == r->header.n_vocab && (size_t)first->sizes[1] == r->header.n_embd;
}

static rk_status describe(model_reader *r, record *next, rk_error *err) {
    if (!rk__model_file_dtype(&next->dtype, next->type, r->header.version)) {
        return rk__fail(err, RK_ERR_UNSUPPORTED,
                        "%s: tensor '%.100s' has type %" PRId32
                        " (%s), which cannot be read from a version %" PRIu32 " file",
                        r->file->path, next->name, next->type, rk__model_file_type_name(next->type),
                        r->header.version);
    }
    next->shape.n_dims = next->n_dims;
    for (size_t i = 0; i < next->n_dims; i++) {
        const size_t to = r->slow_first ? i : next->n_dims - 1 - i;
        next->shape.dims[to] = (size_t)next->sizes[i];
    }
    return RK_OK;
}

static rk_status add_record(model_reader *r, const record *next, rk_error *err) {
    rk__view view = {.storage = r->storage, .offset = r->position};
    const rk_tensor_info info = {.name = next->name, .dtype = next->dtype, .shape = next->shape};
    size_t bytes;
    // What has no size in bytes is refused with its reason by add_tensor.
    if (rk_tensor_bytes(&bytes, &info)) {
        if (bytes > r->file->size - r->position) return fail_cut(r, "data", bytes, err);
        rk__contiguous_strides(view.strides, &next->shape);
    }
    RK_TRY(rk__checkpoint_add_tensor(r->checkpoint, next->name, next->name_length, next->dtype,
                                     &next->shape, &view, err));
    r->position += bytes;
    return RK_OK;
}

static rk_status read_records(model_reader *r, rk_error *err) {
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(record), err));
    record *next = memory;
    rk_status status = RK_OK;
    for (; status == RK_OK && r->position < r->file->size; r->n_records++) {
        status = read_start(r, next, err);
        if (status != RK_OK) break;
        status = read_sizes_and_name(r, next, err);
        if (status != RK_OK) break;
        if (r->n_records == 0) find_order(r, next);
        status = describe(r, next, err);
        if (status == RK_OK) status = add_record(r, next, err);
    }
    rk__free(next);
    return status;
}

static rk_status read_model_file(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    model_reader r = {.checkpoint = checkpoint, .file = &checkpoint->files[file]};
    RK_TRY(read_header(&r, err));
    checkpoint->container =
        r.header.version == 100 ? RK_CONTAINER_MODEL_V100 : RK_CONTAINER_MODEL_V101;
    const rk__storage whole = {
        .file = file, .size = r.file->size, .packed_size = r.file->size, .offset = 0};
    RK_TRY(rk__checkpoint_add_storage(checkpoint, &whole, &r.storage, err));
    return read_records(&r, err);
}

const rk__container_reader rk__model_file_reader = {.sniff = is_model_file,
                                                    .read = read_model_file};
