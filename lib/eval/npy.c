// Writing .npy files: a header of fixed size, then rows of float32 as they come.
//
//     93 'N' 'U' 'M' 'P' 'Y' | 01 00 | u16le length of the rest | a Python dictionary, blanks, \n
//
// The whole header is a multiple of 64 bytes, so that the numbers behind it are aligned when the
// file is mapped. 128 bytes hold the largest shape there can be; so the number of rows can be put
// in at the end.
#include "rk/embed.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are written as they lie in memory");

enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

struct rk_npy {
    rk__output *output;
    size_t n_columns;
    uint64_t n_rows;
};

static void make_header(char header[HEADER_BYTES + 1], uint64_t n_rows, size_t n_columns) {
    enum { TEXT_BYTES = HEADER_BYTES - PREFIX_BYTES };
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = TEXT_BYTES;
    header[9] = 0;
    const int written = snprintf(header + PREFIX_BYTES, TEXT_BYTES + 1,
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %zu), }",
                                 (unsigned long long)n_rows, n_columns);
    memset(header + PREFIX_BYTES + written, ' ', (size_t)(TEXT_BYTES - written));
    header[HEADER_BYTES - 1] = '\n';
}

static rk_status write_header(rk_npy *npy, rk_error *err) {
    char header[HEADER_BYTES + 1];
    make_header(header, npy->n_rows, npy->n_columns);
    if (rk__output_size(npy->output) == 0) {
        return rk__output_write(npy->output, header, HEADER_BYTES, err);
    }
    return rk__output_write_at(npy->output, 0, header, HEADER_BYTES, err);
}

rk_status rk_npy_create(rk_npy **out, const char *path, size_t n_columns, rk_error *err) {
    *out = NULL;
    size_t row_bytes;
    if (n_columns == 0 || !rk_size_mul(&row_bytes, n_columns, sizeof(float))) {
        return rk__fail(err, RK_ERR_ARGUMENT, "%s: rows of %zu numbers", path, n_columns);
    }
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(rk_npy), err));
    rk_npy *npy = memory;
    npy->n_columns = n_columns;
    rk_status status = rk__output_open(&npy->output, path, err);
    if (status != RK_OK) goto out;
    status = write_header(npy, err);
out:
    if (status != RK_OK) rk_npy_abort(&npy);
    *out = npy;
    return status;
}

rk_status rk_npy_append(rk_npy *npy, const float *row, rk_error *err) {
    RK_TRY(rk__output_write(npy->output, row, npy->n_columns * sizeof(float), err));
    npy->n_rows++;
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
    rk__free(*npy);
    *npy = NULL;
}
