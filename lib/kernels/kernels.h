// The table of compute kernels, filled for an instruction set: scalar first, then overridden
// upward, so that a level with few kernels of its own is correct all the same. tests/kernels checks
// every entry against the scalar one.
#ifndef RK_KERNELS_H
#define RK_KERNELS_H

#include "kernels/cpu_features.h"
#include "kernels/planes.h"
#include "kernels/product.h"
#include "kernels/rows.h"
#include "kernels/vector.h"

typedef struct rk__kernels {
    rk__isa isa;
    rk__quantize_activations quantize_activations;
    rk__product product[RK_DTYPE_COUNT]; // multiply is NULL for types that models do not run in
    // Float32 weights with activations rounded to 8 bits: for old block formats, expanded.
    rk__product rounded_product;
    rk__plane_kernels planes;
    rk__vector vector;
    rk__rows rows;
} rk__kernels;

// The kernels of this level (which the machine must have).
void rk__kernels_init(rk__kernels *kernels, rk__isa isa);

// Each family's part: called by rk__kernels_init in ascending order.
void rk__product_init_scalar(rk__kernels *kernels);
void rk__product_init_avx2(rk__kernels *kernels);
void rk__product_init_avxvnni(rk__kernels *kernels);
void rk__product_init_avx512(rk__kernels *kernels);
void rk__vector_init_scalar(rk__kernels *kernels);
void rk__vector_init_avx2(rk__kernels *kernels);

#endif
