// The 16-bit floats: every bit pattern one way, and float32 values the other way against an
// independent, slow definition of rounding to nearest even.
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>

#include "base/random.h"
#include "tensor/half.h"

// What the bits of a 16-bit float mean, from the definition: n exponent bits, then the fraction.
static double meaning(uint16_t bits, int exponent_bits) {
    const int fraction_bits = 15 - exponent_bits;
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? (double)NAN : sign * HUGE_VAL;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

// The nearest 16-bit float by searching magnitudes, which their bit patterns order: the last
// pattern that is not above the value, or the next one when that is nearer, or on a tie when that
// is even.
static uint16_t slow_round(float value, int exponent_bits) {
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double magnitude = fabs((double)value);
    const int infinity = ((1 << exponent_bits) - 1) << (15 - exponent_bits);
    int low = 0, high = infinity; // meaning(low) <= magnitude
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (meaning((uint16_t)middle, exponent_bits) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    if (isinf(magnitude)) return (uint16_t)(sign | infinity);
    const double below = meaning((uint16_t)low, exponent_bits);
    // Infinity takes the place of the number that would follow the largest one.
    const double step =
        low == 0 ? meaning(1, exponent_bits) : below - meaning((uint16_t)(low - 1), exponent_bits);
    const double above = high == infinity ? below + step : meaning((uint16_t)high, exponent_bits);
    const double middle = below + (above - below) / 2;
    const bool up = magnitude > middle || (magnitude == middle && low % 2 != 0);
    return (uint16_t)(sign | (up ? high : low));
}

static void check_every_pattern(int exponent_bits, float (*widen)(uint16_t),
                                uint16_t (*narrow)(float)) {
    for (uint32_t i = 0; i <= 0xffff; i++) {
        const uint16_t bits = (uint16_t)i;
        const float value = widen(bits);
        const double expected = meaning(bits, exponent_bits);
        if (isnan(expected)) {
            cr_assert(isnan(value), "%04x", i);
            cr_assert(isnan(widen(narrow(value))), "%04x", i);
            cr_assert_eq(signbit(value) != 0, bits >> 15, "%04x", i);
            continue;
        }
        cr_assert_eq((double)value, expected, "%04x", i);
        cr_assert_eq(signbit(value) != 0, bits >> 15, "%04x", i);
        cr_assert_eq(narrow(value), bits, "%04x became %04x", i, narrow(value));
    }
}

static void check_rounding(int exponent_bits, uint16_t (*narrow)(float), float value) {
    const uint16_t expected = slow_round(value, exponent_bits);
    cr_assert_eq(narrow(value), expected, "%a: %04x, expected %04x", (double)value, narrow(value),
                 expected);
}

// Around every 16-bit value and every middle between two: the points where rounding turns.
static void check_edges(int exponent_bits, float (*widen)(uint16_t), uint16_t (*narrow)(float)) {
    const uint16_t infinity = (uint16_t)(((1 << exponent_bits) - 1) << (15 - exponent_bits));
    for (uint16_t bits = 0; bits < infinity; bits++) {
        const float value = widen(bits);
        const float next = bits + 1 < infinity ? widen((uint16_t)(bits + 1)) : value;
        const float points[] = {value, (float)(((double)value + (double)next) / 2)};
        for (size_t i = 0; i < 2; i++) {
            check_rounding(exponent_bits, narrow, points[i]);
            check_rounding(exponent_bits, narrow, -points[i]);
            check_rounding(exponent_bits, narrow, nextafterf(points[i], INFINITY));
            check_rounding(exponent_bits, narrow, nextafterf(points[i], -INFINITY));
        }
    }
}

static void check_random(int exponent_bits, uint16_t (*narrow)(float)) {
    const uint32_t key[2] = {20230422, 0};
    for (uint32_t i = 0; i < 250000; i++) {
        const uint32_t counter[4] = {i, 0, 0, 0};
        uint32_t words[4];
        rk__philox(words, counter, key);
        for (size_t j = 0; j < 4; j++) {
            const float value = rk__float_from_bits(words[j]);
            if (!isnan(value)) check_rounding(exponent_bits, narrow, value);
        }
    }
}

Test(half, every_f16_round_trips) {
    check_every_pattern(5, rk__float_from_f16, rk__f16_from_float);
}

Test(half, every_bf16_round_trips) {
    check_every_pattern(8, rk__float_from_bf16, rk__bf16_from_float);
}

Test(half, f16_rounds_to_nearest_even) {
    check_edges(5, rk__float_from_f16, rk__f16_from_float);
    check_random(5, rk__f16_from_float);
}

Test(half, bf16_rounds_to_nearest_even) {
    check_edges(8, rk__float_from_bf16, rk__bf16_from_float);
    check_random(8, rk__bf16_from_float);
}

Test(half, f16_limits) {
    cr_assert_eq(rk__f16_from_float(65504.0f), 0x7bff);
    cr_assert_eq(rk__f16_from_float(65519.996f), 0x7bff);
    cr_assert_eq(rk__f16_from_float(65520.0f), 0x7c00);
    cr_assert_eq(rk__f16_from_float(-1e30f), 0xfc00);
    cr_assert_eq(rk__f16_from_float(0x1p-24f), 0x0001);
    cr_assert_eq(rk__f16_from_float(0x1p-25f), 0x0000, "a tie goes to the even zero");
    cr_assert_eq(rk__f16_from_float(0x1.000002p-25f), 0x0001);
    cr_assert_eq(rk__f16_from_float(-0.0f), 0x8000);
}

// A signalling NaN comes out quiet, the fraction's upper bits and the sign stay.
Test(half, nan_stays_a_quiet_nan) {
    cr_assert_eq(rk__f16_from_float(rk__float_from_bits(0x7f800001u)), 0x7e00);
    cr_assert_eq(rk__f16_from_float(rk__float_from_bits(0xffa02000u)), 0xff01);
    cr_assert_eq(rk__bf16_from_float(rk__float_from_bits(0x7f800001u)), 0x7fc0);
    cr_assert_eq(rk__bf16_from_float(rk__float_from_bits(0xffffffffu)), 0xffff);
    cr_assert_eq(rk__bits_of_float(rk__float_from_f16(0x7c01)), 0x7fc02000u);
}
