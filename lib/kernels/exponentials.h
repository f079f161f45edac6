// exp of many numbers in double precision, for softmax. This library's own, so that figures do not
// depend on the C library; every instruction set gives the same bits.
#ifndef RK_KERNELS_EXPONENTIALS_H
#define RK_KERNELS_EXPONENTIALS_H

#include <stddef.h>

#include "kernels/cpu_features.h"

// out[i] = exp(x[i] - largest), within 1e-15 of itself, for x[i] <= largest. Less than exp(-708)
// becomes that; NaN, and differences that are NaN, give NaN. Arrays may be unaligned.
typedef void (*rk__exponentials)(double *out, const float *x, float largest, size_t n);

// The variant for this level (which the machine must have).
rk__exponentials rk__exponentials_of(rk__isa isa);

void rk__exponentials_avx2(double *out, const float *x, float largest, size_t n);

#endif
