// Scalar conversions between float32 and the 16-bit floats, as bit patterns. No step rounds in
// floating point or meets a denormal float32 there, so the results depend neither on the rounding
// mode nor on the flushing of denormals that a host program may have set.
#ifndef RK_TENSOR_HALF_H
#define RK_TENSOR_HALF_H

#include <stdint.h>

#include "tensor/little_endian.h"

// FP16: sign (1 bit), exponent (5, bias 15), fraction (10). Exact, subnormals included. A
// signalling NaN becomes quiet, as the processors' own conversions do.
static inline float rk__float_from_f16(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t magnitude = half & 0x7fffu;
    if (magnitude > 0x7c00u) return rk__float_from_bits(sign | 0x7fc00000u | magnitude << 13);
    if (magnitude == 0x7c00u) return rk__float_from_bits(sign | 0x7f800000u);
    if (magnitude >= 0x0400u) return rk__float_from_bits(sign | ((magnitude << 13) + (112u << 23)));
    const float value = (float)magnitude * 0x1p-24f; // a multiple of the smallest subnormal
    return sign != 0 ? -value : value;
}

// Rounds to nearest even; from 65520 on the result is infinity; subnormals are kept; NaN stays a
// (quiet) NaN.
static inline uint16_t rk__f16_from_float(float value) {
    const uint32_t bits = rk__bits_of_float(value);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x03ffu));
    if (magnitude >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); // 2^16 and more
    if (magnitude >= 0x38800000u) { // 2^-14 and more: normal; a carry out of the fraction is right
        const uint32_t odd = magnitude >> 13 & 1u;
        return (uint16_t)(sign | (magnitude - (112u << 23) + 0x0fffu + odd) >> 13);
    }
    const uint32_t exponent = magnitude >> 23;
    if (exponent < 102) return (uint16_t)sign; // below 2^-25, half of the smallest subnormal
    const uint32_t fraction = (magnitude & 0x007fffffu) | 0x00800000u;
    const uint32_t shift =
        126 - exponent; // 14 .. 24: fraction / 2^shift counts smallest subnormals
    const uint32_t whole = fraction >> shift;
    const uint32_t rest = fraction & ((1u << shift) - 1);
    const uint32_t tie = 1u << (shift - 1);
    return (uint16_t)(sign | (whole + (rest > tie || (rest == tie && (whole & 1u) != 0))));
}

// bfloat16 is the upper half of a float32. Exact.
static inline float rk__float_from_bf16(uint16_t bits) {
    return rk__float_from_bits((uint32_t)bits << 16);
}

// Rounds to nearest even; overflow becomes infinity; subnormals are kept; NaN stays a (quiet) NaN.
static inline uint16_t rk__bf16_from_float(float value) {
    const uint32_t bits = rk__bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x0040u);
    const uint32_t odd = bits >> 16 & 1u;
    return (uint16_t)((bits + 0x7fffu + odd) >> 16);
}

#endif
