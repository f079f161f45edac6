// Activations to 8 bits per block of 32: the scalar definition.
#include <math.h>
#include <string.h>

#include "kernels/quantize_activations.h"

static float largest_magnitude(const float x[RK__Q8_BLOCK]) {
    float top = 0.0f;
    for (size_t i = 0; i < RK__Q8_BLOCK; i++) {
        if (!isfinite(x[i])) return NAN;
        if (fabsf(x[i]) > top) top = fabsf(x[i]);
    }
    return top;
}

static void quantize_block(int8_t q[RK__Q8_BLOCK], float *scale, int32_t *qsum,
                           const float x[RK__Q8_BLOCK]) {
    const float top = largest_magnitude(x);
    if (!(top >= RK__Q8_LEAST)) {
        *scale = isnan(top) ? NAN : 0.0f;
        *qsum = 0;
        memset(q, 0, RK__Q8_BLOCK);
        return;
    }
    const float inverse = 127.0f / top;
    int32_t sum = 0;
    for (size_t i = 0; i < RK__Q8_BLOCK; i++) {
        const int32_t code = (int32_t)nearbyintf(x[i] * inverse);
        q[i] = (int8_t)code;
        sum += code;
    }
    *scale = top / 127.0f;
    *qsum = sum;
}

void rk__quantize_activations_scalar(int8_t *q, float *scale, int32_t *qsum, const float *x,
                                     size_t n_tokens, size_t columns) {
    const size_t n_blocks = n_tokens * (columns / RK__Q8_BLOCK);
    for (size_t b = 0; b < n_blocks; b++) {
        quantize_block(q + b * RK__Q8_BLOCK, scale + b, qsum + b, x + b * RK__Q8_BLOCK);
    }
}
