// Matrices whose columns can be skipped, for inputs that are mostly zeros: out[r] = sum over c of
// W[r][c] * x[c] reads the columns with x[c] != 0 and no others.
//
// The squared ReLU of the channel mixing leaves such inputs to its second matrix. In panels
// (product.h) a column is a few bytes here and there, and memory is read in lines of 64 bytes and
// best some hundred bytes at a time: nothing would be gained. So this matrix is held in planes:
// what belongs to one column lies together for many rows.
//
// Rows are filled up with zeros to a multiple of RK__PLANE_ROWS and cut into tiles, one behind the
// other, of tile_rows rows (the last one may have fewer): as many as a thread can keep the sums of,
// and no more than it has. In a tile of R rows there is, for float types, a plane of R values for
// each column; for block formats, for each block of 32 columns, one behind the other,
//
//     +-----------+-----------+-------------------------------------------+
//     | d[R] FP16 | m[R] FP16 | columns 0 .. 31, each codes, fifth bits   |
//     +-----------+-----------+-------------------------------------------+
//       always      Q4_1 Q5_1
//
//     codes        for every RK__PLANE_ROWS rows, 64 bytes with those of rows 0 .. 63 in the low
//                  nibbles and of rows 64 .. 127 in the high ones; in Q8_0 64 bytes, and 64 more
//     fifth bits   (Q5_0, Q5_1) for every RK__PLANE_ROWS rows, a bit for each of 64 low nibbles,
//                  in their order, then for the high ones
//
// In each 64 bytes, byte 16 a + 4 b + i is row 16 b + 4 a + i (a, b, i = 0 .. 3). Then the bytes of
// four columns that are merged byte by byte, which vector units do within 16 bytes, give rows in
// their order, four columns of each side by side: what the multiplication of panels' codes needs.
//
// The steps and minima of a block are read when any of its columns is. A matrix has the size of its
// rows in the file.
//
// Sums are those of the product of the same instruction set, in the same order, without terms that
// are zero: the results are equal (but for the sign of a zero).
#ifndef RK_KERNELS_PLANES_H
#define RK_KERNELS_PLANES_H

#include "kernels/product.h"

enum {
    RK__PLANE_ROWS = 128,
    RK__PLANE_TILE = 1024, // rows of a tile, at most
    RK__PLANE_TOKENS = 8,  // that are multiplied together, at most
};

// A matrix in planes.
typedef struct rk__planes {
    rk_dtype dtype;
    size_t rows; // a multiple of RK__PLANE_ROWS
    size_t columns, row_bytes;
    size_t tile_rows; // a multiple of RK__PLANE_ROWS, at most RK__PLANE_TILE
    uint8_t *data;    // [rows * row_bytes]
} rk__planes;

// What there is to know about a matrix in planes but for the data: `rows` and `columns` are the
// matrix's, and n_threads are to multiply it together. All zeros when the type cannot be held so.
rk__planes rk__planes_describe(rk_dtype dtype, size_t rows, size_t columns, size_t n_threads);

// n rounded up to a multiple of RK__PLANE_ROWS.
size_t rk__planes_rows(size_t n);

// The kernels, part of the table.
typedef struct rk__plane_kernels {
    // out[t * out_stride + 0 .. n_rows) = rows [first, first + n_rows) times token t of the first
    // n_tokens <= RK__PLANE_TOKENS of `input`, which holds what the type's product reads. Columns
    // are skipped that are zero for all of them. `first` is a multiple of RK__PLANE_ROWS; the last
    // row need not be one.
    void (*multiply)(float *out, size_t out_stride, const rk__planes *planes, size_t first,
                     size_t n_rows, const rk__activations *input, size_t n_tokens);

    // Move rows [first, first + n_rows), multiples of RK__PLANE_ROWS, from or to panels as
    // `product`, of the same level, packs and multiplies them. The planes' data is what changes, or
    // the panels.
    void (*from_panels)(const rk__planes *planes, size_t first, size_t n_rows, const void *panels,
                        const rk__product *product);
    void (*to_panels)(const rk__planes *planes, size_t first, size_t n_rows, void *panels,
                      const rk__product *product);
} rk__plane_kernels;

// Each fills in what it has, in ascending order.
void rk__planes_init_scalar(rk__plane_kernels *kernels);
void rk__planes_init_avx2(rk__plane_kernels *kernels);
void rk__planes_init_avx512(rk__plane_kernels *kernels);

#endif
