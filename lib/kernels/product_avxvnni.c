// The AVX-VNNI products' rows of the kernel table.
#include "kernels/kernels.h"
#include "kernels/product_parts.h"

void rk__product_init_avxvnni(rk__kernels *kernels) {
    rk__pack_init_unsigned(kernels->product);
    rk__block_product_init_avxvnni(kernels->product);
}
