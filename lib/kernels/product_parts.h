// The parts that rk__product_init_scalar, _avx2 and _avx512 are made of: each fills the rows of its
// types, in this order. `product` is indexed by rk_dtype.
#ifndef RK_KERNELS_PRODUCT_PARTS_H
#define RK_KERNELS_PRODUCT_PARTS_H

#include "kernels/product.h"

void rk__float_product_init_scalar(rk__product product[RK_DTYPE_COUNT]); // product_float.c
void rk__block_product_init_scalar(rk__product product[RK_DTYPE_COUNT]); // product_block.c

// These replace `multiply`.
void rk__float_product_init_avx2(rk__product product[RK_DTYPE_COUNT]); // product_float_avx2.c
void rk__block_product_init_avx2(rk__product product[RK_DTYPE_COUNT]); // product_block_avx2.c

// Packing, for which AVX2 is enough: the scalar kernels' panels; the same but for the codes of
// Q8_0, which count from 0 (128 is added), for AVX-VNNI; panels of 16 rows with such codes, for
// AVX-512. product_pack_avx2.c
void rk__pack_init_avx2(rk__product product[RK_DTYPE_COUNT]);
void rk__pack_init_unsigned(rk__product product[RK_DTYPE_COUNT]);
void rk__pack_init_wide(rk__product product[RK_DTYPE_COUNT]);

// Block formats' `multiply` for such codes. product_block_avxvnni.c
void rk__block_product_init_avxvnni(rk__product product[RK_DTYPE_COUNT]);

// These replace `multiply` for panels of 16 rows.
void rk__float_product_init_avx512(rk__product product[RK_DTYPE_COUNT]); // product_float_avx512.c
void rk__block_product_init_avx512(rk__product product[RK_DTYPE_COUNT]); // product_block_avx512.c

// Float32 panels, packed as `f32` packs them, with activations in 8 bits. product_rounded.c
rk__product rk__rounded_product(const rk__product *f32);

#endif
