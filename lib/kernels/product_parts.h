// The parts that rk__product_init_scalar and rk__product_init_avx2 are made of: each fills the rows
// of its types. `product` is indexed by rk_dtype. The AVX2 parts replace `multiply` only; packing
// is shared.
#ifndef RK_KERNELS_PRODUCT_PARTS_H
#define RK_KERNELS_PRODUCT_PARTS_H

#include "kernels/product.h"

void rk__float_product_init_scalar(rk__product product[RK_DTYPE_COUNT]); // product_float.c
void rk__block_product_init_scalar(rk__product product[RK_DTYPE_COUNT]); // product_block.c
void rk__float_product_init_avx2(rk__product product[RK_DTYPE_COUNT]);   // product_float_avx2.c
void rk__block_product_init_avx2(rk__product product[RK_DTYPE_COUNT]);   // product_block_avx2.c

#endif
