// The header of a .npy file.
//
//     93 'N' 'U' 'M' 'P' 'Y' | version | length of the rest | a Python dictionary, blanks, \n
//
// Version 1.0 has 16 bits for the length, 2.0 and 3.0 have 32.
#ifndef RK_NPY_HEADER_H
#define RK_NPY_HEADER_H

#include "base/file.h"
#include "rk/npy.h"

typedef struct rk__npy_shape {
    rk_dtype dtype; // RK_DTYPE_F32 or RK_DTYPE_F16
    uint64_t n_rows;
    size_t n_columns;
    uint64_t data; // where the numbers begin
} rk__npy_shape;

// Ours: version 1.0, always of this size. 128 bytes hold the largest shape there can be, so the
// number of rows can be put in at the end.
enum { RK__NPY_HEADER_BYTES = 128 };
void rk__npy_header_write(char header[RK__NPY_HEADER_BYTES + 1], const rk__npy_shape *shape);

// Any array in a .npy file, whatever it is made of.
typedef struct rk__npy_array {
    char type[16]; // as in "<f4"; "" for longer ones
    bool fortran_order;
    size_t n_dims;
    uint64_t dims[2]; // the first two
    uint64_t data;    // where the values begin
} rk__npy_array;

// Reads the header of any program, and nothing behind it.
rk_status rk__npy_array_read(rk__npy_array *array, const rk__file *file, rk_error *err);

// The same for what this library writes, two dimensions of floats; checks that the file has as many
// bytes as it says.
rk_status rk__npy_header_read(rk__npy_shape *shape, const rk__file *file, rk_error *err);

// Bytes of a row.
size_t rk__npy_row_bytes(const rk__npy_shape *shape);

#endif
