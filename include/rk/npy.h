// NumPy files: arrays of two dimensions, row by row.
#ifndef RK_NPY_H
#define RK_NPY_H

#include "rk/error.h"
#include "rk/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// A file that is being written (.npy version 1.0, '<f4' or '<f2', C order). It is written beside
// the target; the number of rows is filled in at the end. Its header has a fixed size, a multiple
// of 64 bytes, so that the numbers behind it are aligned when the file is mapped.
typedef struct rk_npy rk_npy;

// dtype is RK_DTYPE_F32 or RK_DTYPE_F16; n_columns is at least 1. *out is owned by the caller:
// rk_npy_commit or rk_npy_abort; NULL on failure.
rk_status rk_npy_create(rk_npy **out, const char *path, rk_dtype dtype, size_t n_columns,
                        rk_error *err);

// Appends row[n_columns], rounded to the file's type. ERR_RANGE, naming the column, when a finite
// value is too large for that; nothing was appended then. After another failure only rk_npy_abort
// makes sense.
rk_status rk_npy_append(rk_npy *npy, const float *row, rk_error *err);

// Finishes the file, flushes it to disk and gives it its name. *npy becomes NULL, also on failure,
// which leaves no file (and an older one as it was).
rk_status rk_npy_commit(rk_npy **npy, rk_error *err);

// Gives the file up; NULL is fine; *npy becomes NULL.
void rk_npy_abort(rk_npy **npy);

// A file that is read: ours, or NumPy's own of versions 1.0 to 3.0 with two dimensions, C order and
// type '<f4' or '<f2'. Others are refused by name.
typedef struct rk_npy_rows rk_npy_rows;

// *out is owned by the caller, NULL on failure. Constant after it is opened: any number of threads
// may use one. ERR_UNSUPPORTED names what is not read, ERR_FORMAT what is broken.
rk_status rk_npy_open(rk_npy_rows **out, const char *path, rk_error *err);
void rk_npy_close(rk_npy_rows **rows); // NULL is fine; *rows becomes NULL

// Rows, values of a row, and the type of a value in the file: RK_DTYPE_F32 or RK_DTYPE_F16.
uint64_t rk_npy_count(const rk_npy_rows *rows);
size_t rk_npy_columns(const rk_npy_rows *rows);
rk_dtype rk_npy_dtype(const rk_npy_rows *rows);

// out[n][columns] = rows first .. first + n, which must exist (ERR_ARGUMENT).
rk_status rk_npy_read(const rk_npy_rows *rows, uint64_t first, size_t n, float *out, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
