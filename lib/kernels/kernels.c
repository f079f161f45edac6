// Filling the table of kernels.
#include "kernels/kernels.h"

#include <assert.h>
#include <string.h>

void rk__kernels_init(rk__kernels *kernels, rk__isa isa) {
    assert((unsigned)isa < RK__ISA_COUNT);
    memset(kernels, 0, sizeof *kernels);
    kernels->isa = isa;
    rk__product_init_scalar(kernels);
    rk__vector_init_scalar(kernels);
    rk__planes_init_scalar(&kernels->planes);
    rk__rows_init(&kernels->rows, isa);
#if defined(__x86_64__)
    if (isa >= RK__ISA_AVX2) rk__product_init_avx2(kernels);
    if (isa >= RK__ISA_AVXVNNI) rk__product_init_avxvnni(kernels);
    if (isa >= RK__ISA_AVX512) rk__product_init_avx512(kernels);
    if (isa >= RK__ISA_AVX2) rk__vector_init_avx2(kernels);
    if (isa >= RK__ISA_AVX2) rk__planes_init_avx2(&kernels->planes);
    if (isa >= RK__ISA_AVX512) rk__planes_init_avx512(&kernels->planes);
#endif
}
