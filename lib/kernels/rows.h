// Rows of values from the types of files to float32 and back. The scalar versions are those of
// tensor/convert_row.h; every other gives the same bits.
#ifndef RK_KERNELS_ROWS_H
#define RK_KERNELS_ROWS_H

#include <stdint.h>

#include "kernels/cpu_features.h"
#include "rk/tensor.h"
#include "tensor/block_search.h"
#include "tensor/convert_row.h"

typedef struct rk__row_squares {
    double of_values, of_errors;
} rk__row_squares;

// A block of each of several rows while it is rounded: value i of every row side by side.
enum { RK__TOGETHER = 8 };
typedef struct rk__together {
    float values[RK__BLOCK][RK__TOGETHER], codes[RK__BLOCK][RK__TOGETHER];
    float errors[RK__BLOCK][RK__TOGETHER];
    float d[RK__TOGETHER], m[RK__TOGETHER], inverse[RK__TOGETHER]; // 1 / d, or 0
} rk__together;

typedef struct rk__rows {
    rk__row_decoder decode[RK_DTYPE_COUNT];
    rk__row_encoder encode[RK_DTYPE_COUNT]; // NULL for types that are only read

    // The largest of n magnitudes, as bits: those of infinity or NaN when one of the values is no
    // finite number; 0 for n = 0.
    uint32_t (*largest_magnitude)(const float *values, size_t n);

    // The sums of the squares of n values, and of what `rounded` differs from them, in double: of
    // the values whose number is the same modulo 8, in their order, then
    // ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7)).
    rk__row_squares (*squares)(const float *values, const float *rounded, size_t n);

    rk__block_fitter fit[RK_DTYPE_COUNT]; // NULL for types that nothing is searched for

    // Rounds each row's values one after the other, i = 0 .. 31: the code nearest to
    // (values[i] - m) * inverse, errors[i] = values[i] - (code * d + m), then
    // values[j] -= errors[i] * factors[i * stride + j] for j > i. Every operation is rounded.
    void (*round_together)(rk__together *blocks, rk__code_range codes, const float *factors,
                           size_t stride);

    // values[j] -= errors[i] * factors[i * stride + j] for j = 0 .. n - 1 and i = 0 .. 31 in this
    // order, products and differences rounded one by one.
    void (*correct)(float *values, const float errors[RK__BLOCK], const float *factors,
                    size_t stride, size_t n);
} rk__rows;

// The rows of this level (which the machine must have).
void rk__rows_init(rk__rows *rows, rk__isa isa);

// ---- the parts of rk__rows_init

uint32_t rk__largest_magnitude_scalar(const float *values, size_t n);

void rk__float_rows_init_avx2(rk__rows *rows);
void rk__block_rows_init_avx2(rk__rows *rows);
void rk__decode_rows_init_avx2(rk__rows *rows);
void rk__search_rows_init_avx2(rk__rows *rows);
void rk__search_rows_init_avx512(rk__rows *rows);

#endif
