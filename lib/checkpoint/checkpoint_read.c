// Reading tensors: rows of contiguous ones straight from the file, strided ones gathered, all of
// them as they are or as float32.
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/reading.h"

// Bytes of scratch memory that gathering aims at, and converting: what the next cache holds.
static const size_t SCRATCH = 1 << 20;
static const size_t CONVERTED = 64 << 10;

// A tensor about to be read.
typedef struct reading {
    rk_checkpoint *checkpoint;
    const rk_tensor_info *info;
    const rk__view *view;
    size_t rows, columns;
    size_t row_bytes;     // contiguous
    size_t element_bytes; // block formats: of a block
} reading;

static reading reading_of(rk_checkpoint *checkpoint, size_t index) {
    reading r = {
        .checkpoint = checkpoint,
        .info = &checkpoint->tensors[index],
        .view = &checkpoint->views[index],
    };
    // Neither can fail: the tensor would not have been accepted.
    (void)rk_shape_matrix(&r.rows, &r.columns, &r.info->shape);
    (void)rk_dtype_row_bytes(&r.row_bytes, r.info->dtype, r.columns);
    r.element_bytes = rk_dtype_describe(r.info->dtype)->block_bytes;
    return r;
}

static rk_status check_rows(const reading *r, size_t first, size_t n, rk_error *err) {
    if (first <= r->rows && n <= r->rows - first) return RK_OK;
    return rk__fail(err, RK_ERR_RANGE,
                    "%s: tensor '%.100s' has %zu rows; rows %zu to %zu were asked for",
                    r->checkpoint->path, r->info->name, r->rows, first, first + n);
}

static void swap_bytes(uint8_t *bytes, size_t size, size_t element) {
    for (uint8_t *at = bytes; at < bytes + size; at += element) {
        for (size_t i = 0; i < element / 2; i++) {
            const uint8_t low = at[i];
            at[i] = at[element - 1 - i];
            at[element - 1 - i] = low;
        }
    }
}

// Elements from the start of the view to the start of a row of the matrix.
static size_t row_start(const reading *r, size_t row) {
    const rk_shape *shape = &r->info->shape;
    size_t start = 0;
    for (size_t i = shape->n_dims > 0 ? shape->n_dims - 1 : 0; i > 0; i--) {
        start += row % shape->dims[i - 1] * r->view->strides[i - 1];
        row /= shape->dims[i - 1];
    }
    return start;
}

// Elements from the start of a row to behind its last one.
static size_t row_extent(const reading *r) {
    const rk_shape *shape = &r->info->shape;
    const size_t stride = shape->n_dims > 0 ? r->view->strides[shape->n_dims - 1] : 1;
    return (r->columns - 1) * stride + 1;
}

// Copies the elements of one row that starts at `from`.
static void pick_row(const reading *r, uint8_t *out, const uint8_t *from) {
    const size_t n_dims = r->info->shape.n_dims;
    const size_t step = (n_dims > 0 ? r->view->strides[n_dims - 1] : 1) * r->element_bytes;
    for (size_t i = 0; i < r->columns; i++) {
        memcpy(out + i * r->element_bytes, from + i * step, r->element_bytes);
    }
}

// Where the rows [first, first + n) begin and end in the storage, in elements from the view's
// start.
typedef struct span {
    size_t low, high;
} span;

static span rows_span(const reading *r, size_t first, size_t n) {
    span s = {.low = SIZE_MAX, .high = 0};
    for (size_t row = first; row < first + n; row++) {
        const size_t start = row_start(r, row);
        if (start < s.low) s.low = start;
        if (start > s.high) s.high = start;
    }
    s.high += row_extent(r);
    return s;
}

// Gathers the rows [first, first + n), whose bytes lie within `s`, through one read.
static rk_status gather(const reading *r, size_t first, size_t n, span s, uint8_t *out,
                        rk_error *err) {
    void *scratch;
    const size_t bytes = (s.high - s.low) * r->element_bytes;
    const uint64_t offset = r->view->offset + s.low * r->element_bytes;
    rk_status status = rk__alloc_aligned(&scratch, bytes, 1, err);
    if (status != RK_OK) return status;
    status = rk__storage_read(r->checkpoint, r->view->storage, offset, scratch, bytes, err);
    for (size_t i = 0; status == RK_OK && i < n; i++) {
        const size_t start = row_start(r, first + i) - s.low;
        pick_row(r, out + i * r->row_bytes, (const uint8_t *)scratch + start * r->element_bytes);
    }
    rk__free(scratch);
    return status;
}

// How many of the rows from `first` on are worth one read, at most *n, and what they span.
static span group_span(const reading *r, size_t first, size_t *n) {
    const size_t one = row_extent(r);
    span s = rows_span(r, first, *n);
    while (*n > 1 && s.high - s.low > SCRATCH && s.high - s.low > 2 * one) {
        *n = (*n + 1) / 2;
        s = rows_span(r, first, *n);
    }
    return s;
}

// Gathers as many rows at a time as lie together: rows of a transposed matrix interleave, so that
// one read of the whole span serves all of them, while rows of a slice may be far apart. Each group
// is looked for among twice as many rows as the last one had, so that looking takes no longer than
// reading.
static rk_status read_strided(const reading *r, size_t first, size_t n, uint8_t *out,
                              rk_error *err) {
    for (size_t likely = n; n > 0;) {
        size_t group = likely < n ? likely : n;
        const span s = group_span(r, first, &group);
        RK_TRY(gather(r, first, group, s, out, err));
        out += group * r->row_bytes;
        first += group;
        n -= group;
        likely = 2 * group;
    }
    return RK_OK;
}

// A tensor that is all of its storage: its checksum can be taken from the bytes as they are read,
// so that they are read only once. (Deflated data is checked before memory is given to it.)
static bool is_whole_storage(const reading *r) {
    const rk__storage *storage = &r->checkpoint->storages[r->view->storage];
    return r->view->contiguous && !storage->deflated && r->rows * r->row_bytes == storage->size;
}

static rk_status read_rows(const reading *r, size_t first, size_t n, uint8_t *out, rk_error *err) {
    rk_checkpoint *checkpoint = r->checkpoint;
    const size_t storage = r->view->storage;
    const size_t size = n * r->row_bytes;
    const uint64_t offset = r->view->offset + (uint64_t)first * r->row_bytes;
    const bool deferred = r->view->contiguous && rk__storage_is_deferred(checkpoint, storage);
    const bool whole = n == r->rows && is_whole_storage(r);
    if (!whole && !deferred) RK_TRY(rk__storage_verify(checkpoint, storage, r->info->name, err));
    if (r->view->contiguous) {
        RK_TRY(rk__storage_read(checkpoint, storage, offset, out, size, err));
    } else {
        RK_TRY(read_strided(r, first, n, out, err));
    }
    if (deferred) {
        rk__storage_add_piece(checkpoint, storage, offset, out, size);
    } else if (whole) {
        RK_TRY(rk__storage_verify_bytes(checkpoint, storage, r->info->name, out, err));
    }
    if (checkpoint->storages[storage].big_endian) swap_bytes(out, size, r->element_bytes);
    return RK_OK;
}

rk_status rk_checkpoint_read_raw(rk_checkpoint *checkpoint, size_t index, size_t first, size_t n,
                                 void *out, size_t size, rk_error *err) {
    const reading r = reading_of(checkpoint, index);
    RK_TRY(check_rows(&r, first, n, err));
    if (size != n * r.row_bytes) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: tensor '%.100s': a buffer of %zu bytes was given for %zu rows of %zu "
                        "bytes",
                        checkpoint->path, r.info->name, size, n, r.row_bytes);
    }
    return size == 0 ? RK_OK : read_rows(&r, first, n, out, err);
}

// Rows that are converted at a time. Rows that lie apart are gathered, many in one go.
static size_t converted_rows(const reading *r, size_t n) {
    const size_t fitting = (r->view->contiguous ? CONVERTED : SCRATCH) / r->row_bytes;
    return fitting == 0 ? 1 : fitting < n ? fitting : n;
}

rk_status rk_checkpoint_read_floats(rk_checkpoint *checkpoint, size_t index, size_t first, size_t n,
                                    float *out, rk_error *err) {
    const reading r = reading_of(checkpoint, index);
    RK_TRY(check_rows(&r, first, n, err));
    if (n == 0 || r.columns == 0) return RK_OK;
    const rk__row_decoder decode = checkpoint->rows.decode[r.info->dtype];
    const size_t group = converted_rows(&r, n);

    void *scratch;
    rk_status status = rk__alloc_aligned(&scratch, group, r.row_bytes, err);
    for (size_t done = 0; status == RK_OK && done < n; done += group) {
        const size_t now = n - done < group ? n - done : group;
        status = read_rows(&r, first + done, now, scratch, err);
        if (status == RK_OK) decode(out + done * r.columns, scratch, now * r.columns);
    }
    rk__free(scratch);
    return status;
}

bool rk__checkpoint_reads_rows_alone(const rk_checkpoint *checkpoint, size_t tensor) {
    const rk__view *view = &checkpoint->views[tensor];
    return view->contiguous && !checkpoint->storages[view->storage].deflated;
}

void rk__checkpoint_defer_check(rk_checkpoint *checkpoint, size_t tensor) {
    const reading r = reading_of(checkpoint, tensor);
    if (is_whole_storage(&r)) rk__storage_defer(checkpoint, r.view->storage);
}

rk_status rk__checkpoint_settle_check(rk_checkpoint *checkpoint, size_t tensor, rk_error *err) {
    return rk__storage_settle(checkpoint, checkpoint->views[tensor].storage,
                              checkpoint->tensors[tensor].name, err);
}

rk__reading_bytes rk__checkpoint_reading_bytes(const rk_checkpoint *checkpoint, size_t tensor,
                                               size_t n) {
    const reading r = reading_of((rk_checkpoint *)checkpoint, tensor); // only looked at
    rk__reading_bytes out = {0};
    if (n == 0 || r.columns == 0) return out;
    size_t group = converted_rows(&r, n);
    out.each = group * r.row_bytes;
    if (!r.view->contiguous) {
        const span s = group_span(&r, 0, &group);
        out.each += (s.high - s.low) * r.element_bytes;
    }
    const rk__storage *storage = &checkpoint->storages[r.view->storage];
    if (storage->deflated) out.shared = storage->size;
    return out;
}
