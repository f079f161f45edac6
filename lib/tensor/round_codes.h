// From the values of a block to codes by the reference rounding, for the encoders of both versions.
//
// Products, sums and conversions are separate float32 operations: the bytes of files depend on it.
#ifndef RK_TENSOR_ROUND_CODES_H
#define RK_TENSOR_ROUND_CODES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

// The code that position x lies in: x cut to a whole number, kept within 0 .. largest. NaN and
// whatever else a denormal step (whose reciprocal is infinite) brings forth end inside the range
// too.
static inline uint8_t rk__code_below(float x, uint8_t largest) {
    if (!(x >= 0.0f)) return 0;
    return x < (float)largest ? (uint8_t)x : largest;
}

// The signed code nearest to x, halves away from zero.
static inline int8_t rk__nearest_code(float x) {
    const float rounded = roundf(x);
    if (!(rounded > -128.0f)) return isnan(x) ? 0 : INT8_MIN;
    return rounded < 127.0f ? (int8_t)rounded : INT8_MAX;
}

static inline float rk__reciprocal(float d) {
    return d != 0.0f ? 1.0f / d : 0.0f;
}

// Which of n values has the largest magnitude, the first one on a tie; n where all are zeros.
static inline size_t rk__extreme_index(const float *values, size_t n) {
    float magnitude = 0.0f;
    size_t index = n;
    for (size_t i = 0; i < n; i++) {
        if (fabsf(values[i]) > magnitude) {
            magnitude = fabsf(values[i]);
            index = i;
        }
    }
    return index;
}

// The value of largest magnitude with its sign; 0 for zeros of either sign.
static inline float rk__signed_extreme(const float *values, size_t n) {
    const size_t index = rk__extreme_index(values, n);
    return index < n ? values[index] : 0.0f;
}

// Codes of a format whose middle code (8 or 16) means zero. The value of largest magnitude gets
// code 0. Returns the step.
static inline float rk__codes_around_zero(uint8_t *codes, const float *values, size_t n,
                                          uint8_t zero) {
    const float d = rk__signed_extreme(values, n) / -(float)zero;
    const float inverse = rk__reciprocal(d);
    for (size_t i = 0; i < n; i++) {
        codes[i] =
            rk__code_below(values[i] * inverse + ((float)zero + 0.5f), (uint8_t)(2 * zero - 1));
    }
    return d;
}

// What a block's values lie on: code * d + m.
typedef struct rk__line {
    float d, m;
} rk__line;

// The line from the least of n values (code 0) to the greatest (code `largest`).
static inline rk__line rk__line_between_extremes(const float *values, size_t n, uint8_t largest) {
    float least = values[0];
    float greatest = values[0];
    for (size_t i = 1; i < n; i++) {
        if (values[i] < least) least = values[i];
        if (values[i] > greatest) greatest = values[i];
    }
    return (rk__line){(greatest - least) / (float)largest, least};
}

// Codes of a format that counts steps from the least value, which gets code 0.
static inline rk__line rk__codes_above_least(uint8_t *codes, const float *values, size_t n,
                                             uint8_t largest) {
    const rk__line line = rk__line_between_extremes(values, n, largest);
    const float inverse = rk__reciprocal(line.d);
    for (size_t i = 0; i < n; i++) {
        codes[i] = rk__code_below((values[i] - line.m) * inverse + 0.5f, largest);
    }
    return line;
}

#endif
