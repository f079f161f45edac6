// Writing .npy files: a header of fixed size, then rows as they come.
#include "rk/npy.h"

#include <math.h>

#include "base/file.h"
#include "base/memory.h"
#include "eval/npy_header.h"
#include "tensor/convert_row.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are written as they lie in memory");

struct rk_npy {
    rk__output *output;
    rk__npy_shape shape;
    void *row; // one, in the file's type
};

static rk_status write_header(rk_npy *npy, rk_error *err) {
    char header[RK__NPY_HEADER_BYTES + 1];
    rk__npy_header_write(header, &npy->shape);
    if (rk__output_size(npy->output) == 0) {
        return rk__output_write(npy->output, header, RK__NPY_HEADER_BYTES, err);
    }
    return rk__output_write_at(npy->output, 0, header, RK__NPY_HEADER_BYTES, err);
}

rk_status rk_npy_create(rk_npy **out, const char *path, rk_dtype dtype, size_t n_columns,
                        rk_error *err) {
    *out = NULL;
    size_t row_bytes;
    if ((dtype != RK_DTYPE_F32 && dtype != RK_DTYPE_F16) || n_columns == 0 ||
        !rk_size_mul(&row_bytes, n_columns, sizeof(float))) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: rows of %zu numbers of type %d", path, n_columns,
                        (int)dtype);
    }
    rk_npy *npy = NULL;
    rk_status status = rk__alloc((void **)&npy, 1, sizeof *npy, err);
    if (status != RK_OK) goto out;
    npy->shape = (rk__npy_shape){.dtype = dtype, .n_columns = n_columns};
    if (dtype == RK_DTYPE_F16) status = rk__alloc(&npy->row, n_columns, sizeof(uint16_t), err);
    if (status == RK_OK) status = rk__output_open(&npy->output, path, err);
    if (status == RK_OK) status = write_header(npy, err);
out:
    if (status != RK_OK) rk_npy_abort(&npy);
    *out = npy;
    return status;
}

// The largest value that FP16 rounds to a finite one.
static rk_status check_half(const float *row, size_t n, rk_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(row[i]) >= 65520.0F) || isinf(row[i])) continue;
        return rk__fail(err, RK_ERR_RANGE, "value %zu is %g, too large for float16", i,
                        (double)row[i]);
    }
    return RK_OK;
}

rk_status rk_npy_append(rk_npy *npy, const float *row, rk_error *err) {
    const void *bytes = row;
    if (npy->shape.dtype == RK_DTYPE_F16) {
        RK_TRY(check_half(row, npy->shape.n_columns, err));
        rk__row_encoder_of(RK_DTYPE_F16)(npy->row, row, npy->shape.n_columns);
        bytes = npy->row;
    }
    RK_TRY(rk__output_write(npy->output, bytes, rk__npy_row_bytes(&npy->shape), err));
    npy->shape.n_rows++;
    return RK_OK;
}

rk_status rk_npy_commit(rk_npy **npy, rk_error *err) {
    rk_status status = write_header(*npy, err);
    if (status == RK_OK) status = rk__output_commit(&(*npy)->output, true, err);
    rk_npy_abort(npy); // what there is left of it
    return status;
}

void rk_npy_abort(rk_npy **npy) {
    if (!*npy) return;
    rk__output_abort(&(*npy)->output);
    rk__free((*npy)->row);
    rk__free(*npy);
    *npy = NULL;
}
