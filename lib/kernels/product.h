// Products of a packed weight matrix with activations: out[t][r] = sum over c of W[r][c] * x[t][c].
//
// Weights are packed once on load into panels of 8 or 16 rows (`panel_rows`), interleaved so that
// one vector register holds the same columns of all rows of the panel. A panel has the size of its
// rows in the file, so packing costs no memory. The last panel of a matrix whose rows are no
// multiple of panel_rows is filled up with zero rows. Panels follow each other without gaps.
//
// The drawings show panels of 8 rows. In those of 16 every part is twice as long, rows 8 .. 15
// behind rows 0 .. 7, and so begins twice as far from the beginning.
//
// Float types: column after column, the rows' values side by side.
//
//     byte (FP16)   0    2    4         14   16   18        30
//                  +----+----+-- ... --+----+----+-- ... --+----+--
//     row          | 0  | 1  |         | 7  | 0  |         | 7  |
//                  +----+----+-- ... --+----+----+-- ... --+----+--
//     column         0    0              0    1              1
//
// Block formats: block after block of 32 columns, each as follows (8 rows x 32 columns).
//
//     +-----------+-----------+---------------+---------------------------------------------+
//     | d[8] FP16 | m[8] FP16 | fifth bits    | codes: vectors of 32 bytes                  |
//     | 16 bytes  | 16 bytes  | 32 bytes      | 4 of them (Q4, Q5) or 8 of them (Q8_0)      |
//     +-----------+-----------+---------------+---------------------------------------------+
//       always      Q4_1 Q5_1   Q5_0 Q5_1
//
// A vector is 8 lanes of 4 bytes; lane r is row r, byte j of a lane is a column:
//
//     byte          0    1    2    3    4    5    6    7         28   29   30   31
//                  +----+----+----+----+----+----+----+----+...+----+----+----+----+
//     row          | 0    0    0    0  | 1    1    1    1  |   | 7    7    7    7  |
//     j            | 0    1    2    3  | 0    1    2    3  |   | 0    1    2    3  |
//                  +----+----+----+----+----+----+----+----+...+----+----+----+----+
//
//     Q4, Q5   vector v = 0 .. 3: the low nibble is column 4v + j, the high one column 16 + 4v + j
//     Q5       the vector of fifth bits: bit v = 0 .. 7 of a byte belongs to column 4v + j
//     Q8_0     vector v = 0 .. 7: column 4v + j
//
// Exactness. What is added to what for one (row, token) depends on the number of columns alone:
//   block formats   acc = 0; for each block b in order, acc += (d * scale[b]) * (float)isum[b],
//                   where isum is the exact integer sum of (code - zero) * q with the format's zero
//                   (Q4_0 8, Q5_0 16, others 0); Q4_1 and Q5_1 then
//                   acc += m * (scale[b] * (float)qsum[b]). The multiplication and the addition of
//                   `acc +=` are fused.
//   float types     the columns are cut into runs of RK__FLOAT_RUN; a run's products are added up
//                   from 0 in the order of columns, and the runs' sums from 0 in their order. A
//                   variant fuses the multiplications and additions, always or never.
// So results are bit-equal for any number of tokens, rows, panels and threads within one variant;
// those of block formats are the same bits in all of them.
#ifndef RK_KERNELS_PRODUCT_H
#define RK_KERNELS_PRODUCT_H

#include <stdint.h>

#include "rk/tensor.h"

enum {
    RK__Q8_BLOCK = 32, // activations that share a scale
    RK__MAX_PANEL_ROWS = 16,
    RK__FLOAT_RUN = 256, // columns added up in one go; short, so that rounding errors stay small
};

// The activations of n_tokens tokens. Float products read x, products with block formats the 8-bit
// form.
typedef struct rk__activations {
    const float *x;      // [n_tokens][columns]
    const int8_t *q;     // [n_tokens][columns], in -127 .. 127
    const float *scale;  // [n_tokens][columns / 32]; x is about scale * q
    const int32_t *qsum; // [n_tokens][columns / 32], sum of the block's q
} rk__activations;

// Rounds n_tokens rows of activations to 8 bits per block of 32: scale = max|x| / 127, q = x * (127
// / max|x|) to nearest, ties to even; qsum is the sum of the block's q. Blocks whose max|x| is
// below 2^-120 (where 127 / max|x| would overflow) count as zeros: scale, q and qsum are 0. A block
// with a NaN or an infinity gives scale NaN, q and qsum 0, so that the product shows it. All
// variants give the same bits.
typedef void (*rk__quantize_activations)(int8_t *q, float *scale, int32_t *qsum, const float *x,
                                         size_t n_tokens, size_t columns);

// How matrices of one type are packed and multiplied.
typedef struct rk__product {
    bool quantized_input; // reads q, scale and qsum, not x; columns is then a multiple of 32
    bool codes_from_zero; // Q8_0: 128 is added to the codes in panels, which makes them unsigned
    size_t panel_rows;    // 8 or 16

    // Packs n_rows <= panel_rows rows, each contiguous at rows + i * row_bytes in the file's
    // layout, into a panel. The rows need no alignment.
    void (*pack)(void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t columns);

    // Multiplies n_rows rows, packed in consecutive panels from `panels` on, with n_tokens tokens:
    // out[t * out_stride + r]. `panels` is a whole number of panels behind a 64-byte aligned
    // address; n_rows need not be a multiple of panel_rows. `out` overlaps nothing; nothing but its
    // n_tokens x n_rows elements is written. The panels are read from memory once, whatever
    // n_tokens is (as far as some of them fit the processor's caches). Up to 100 KB of stack.
    void (*multiply)(float *out, size_t out_stride, const void *panels, size_t n_rows,
                     size_t columns, const rk__activations *input, size_t n_tokens);
} rk__product;

// Bytes of one panel: panel_rows rows of this type. False on overflow or a bad number of columns.
bool rk__panel_bytes(size_t *out, const rk__product *product, rk_dtype dtype, size_t columns);

#endif
