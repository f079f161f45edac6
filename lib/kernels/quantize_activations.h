// The variants of rk__quantize_activations (kernels/product.h).
#ifndef RK_KERNELS_QUANTIZE_ACTIVATIONS_H
#define RK_KERNELS_QUANTIZE_ACTIVATIONS_H

#include "kernels/product.h"

// Blocks whose largest magnitude is below this count as zeros.
#define RK__Q8_LEAST 0x1p-120f

void rk__quantize_activations_scalar(int8_t *q, float *scale, int32_t *qsum, const float *x,
                                     size_t n_tokens, size_t columns);
void rk__quantize_activations_avx2(int8_t *q, float *scale, int32_t *qsum, const float *x,
                                   size_t n_tokens, size_t columns);

#endif
