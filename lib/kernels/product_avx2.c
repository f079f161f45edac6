// The AVX2 products' rows of the kernel table.
#include "kernels/kernels.h"
#include "kernels/product_parts.h"
#include "kernels/quantize_activations.h"

void rk__product_init_avx2(rk__kernels *kernels) {
    kernels->quantize_activations = rk__quantize_activations_avx2;
    rk__pack_init_avx2(kernels->product);
    rk__float_product_init_avx2(kernels->product);
    rk__block_product_init_avx2(kernels->product);
}
