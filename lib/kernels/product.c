// The scalar products' rows of the kernel table, and the size of a panel.
#include "base/memory.h"
#include "kernels/kernels.h"
#include "kernels/product_parts.h"
#include "kernels/quantize_activations.h"

bool rk__panel_bytes(size_t *out, const rk__product *product, rk_dtype dtype, size_t columns) {
    size_t row_bytes;
    *out = 0;
    return rk_dtype_row_bytes(&row_bytes, dtype, columns) &&
           rk_size_mul(out, product->panel_rows, row_bytes);
}

void rk__product_init_scalar(rk__kernels *kernels) {
    kernels->quantize_activations = rk__quantize_activations_scalar;
    rk__float_product_init_scalar(kernels->product);
    rk__block_product_init_scalar(kernels->product);
    kernels->rounded_product = rk__rounded_product(&kernels->product[RK_DTYPE_F32]);
}
