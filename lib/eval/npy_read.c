// Reading .npy files, rows at a time.
#include "rk/npy.h"

#include <inttypes.h>

#include "base/file.h"
#include "base/memory.h"
#include "eval/npy_header.h"
#include "tensor/convert_row.h"

struct rk_npy_rows {
    rk__file file;
    rk__npy_shape shape;
};

rk_status rk_npy_open(rk_npy_rows **out, const char *path, rk_error *err) {
    rk_npy_rows *r = NULL;
    rk_status status = rk__alloc((void **)&r, 1, sizeof *r, err);
    if (status != RK_OK) goto out;
    status = rk__file_open(&r->file, path, err);
    if (status == RK_OK) status = rk__npy_header_read(&r->shape, &r->file, err);
out:
    if (status != RK_OK) rk_npy_close(&r);
    *out = r;
    return status;
}

void rk_npy_close(rk_npy_rows **rows) {
    if (*rows == NULL) return;
    rk__file_close(&(*rows)->file);
    rk__free(*rows);
    *rows = NULL;
}

uint64_t rk_npy_count(const rk_npy_rows *rows) {
    return rows->shape.n_rows;
}

size_t rk_npy_columns(const rk_npy_rows *rows) {
    return rows->shape.n_columns;
}

rk_dtype rk_npy_dtype(const rk_npy_rows *rows) {
    return rows->shape.dtype;
}

rk_status rk_npy_read(const rk_npy_rows *rows, uint64_t first, size_t n, float *out,
                      rk_error *err) {
    const rk__npy_shape *shape = &rows->shape;
    if (first > shape->n_rows || n > shape->n_rows - first) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "%s: rows from %" PRIu64 " on, %zu of them; there are %" PRIu64,
                        rows->file.path, first, n, shape->n_rows);
    }
    const size_t row_bytes = rk__npy_row_bytes(shape), n_values = n * shape->n_columns;
    const uint64_t offset = shape->data + first * row_bytes;
    // FP16 is read into the back half of the room and widened from there, front to back.
    char *const bytes = (char *)out + (shape->dtype == RK_DTYPE_F16 ? n * row_bytes : 0);
    RK_TRY(rk__file_read(&rows->file, offset, bytes, n * row_bytes, err));
    if (shape->dtype != RK_DTYPE_F16) return RK_OK;
    // One value at a time: a decoder may read ahead of what it has written.
    const rk__row_decoder widen = rk__row_decoder_of(RK_DTYPE_F16);
    for (size_t i = 0; i < n_values; i++) widen(out + i, bytes + 2 * i, 1);
    return RK_OK;
}
