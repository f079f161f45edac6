// Exponentials one by one, and the choice of a variant.
#include "kernels/exponentials.h"

#include "kernels/exponential_series.h"

static void exponentials(double *out, const float *x, float largest, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = rk__double_exp((double)x[i] - (double)largest);
}

rk__exponentials rk__exponentials_of(rk__isa isa) {
#if defined(__x86_64__)
    if (isa >= RK__ISA_AVX2) return rk__exponentials_avx2;
#else
    (void)isa;
#endif
    return exponentials;
}
