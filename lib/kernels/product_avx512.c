// The AVX-512 products' rows of the kernel table.
#include "kernels/kernels.h"
#include "kernels/product_parts.h"

void rk__product_init_avx512(rk__kernels *kernels) {
    rk__pack_init_wide(kernels->product);
    rk__float_product_init_avx512(kernels->product);
    rk__block_product_init_avx512(kernels->product);
}
