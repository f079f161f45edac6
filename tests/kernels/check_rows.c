// Rows of values to float32 and back: every version must give the bytes of the scalar one, which
// tests/unit/tensor checks against files that other programs wrote.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tensor/little_endian.h"

enum {
    MAX_VALUES = 1024,
    MAX_BYTES = MAX_VALUES * 8, // in any type
    BLOCK = 32,
    N_HALVES = 1 << 16, // all values of 16 bits
    LONGEST_TAIL = 70,
};

typedef enum fill {
    FILL_RANDOM,
    FILL_BITS,     // any bits: NaN and infinities too; not for block formats
    FILL_ZEROS,    // of both signs
    FILL_SIGNS,    // the same magnitude with both signs: which one comes first matters
    FILL_SPARSE,   // mostly zeros of both signs
    FILL_POSITIVE, // and one zero: the least value
    FILL_STEPS,    // small whole numbers: positions that are whole or lie half way
    FILL_EXTREMES, // many powers of ten, up to FLT_MAX
    FILL_TINY,     // denormals of float32, steps that are denormal
    FILL_HALVES,   // around the places where FP16 and BF16 round, overflow and become denormal
    FILL_COUNT
} fill;

static float signed_zero(void) {
    return check_random_below(2) == 0 ? -0.0f : 0.0f;
}

// Half way between two halves, or next to that.
static float half_value(void) {
    const uint32_t exponent = (uint32_t)check_random_below(48) + 96; // 2^-31 .. 2^16
    const uint32_t fraction = check_random() & 0x7fe000u;
    const uint32_t below = (uint32_t)check_random_below(5) - 2; // -2 .. 2
    const uint32_t tie = check_random_below(2) == 0 ? 0x1000u : 0x8000u;
    return rk__float_from_bits((exponent << 23 | fraction | tie) + below);
}

static float fill_value(fill kind, size_t i) {
    switch (kind) {
    case FILL_BITS:
        return rk__float_from_bits(check_random());
    case FILL_ZEROS:
        return signed_zero();
    case FILL_SIGNS:
        return check_random_below(2) == 0 ? -1.5f : 1.5f;
    case FILL_SPARSE:
        return check_random_below(16) == 0 ? check_random_float(-1.0f, 1.0f) : signed_zero();
    case FILL_POSITIVE:
        return check_random_below(BLOCK) == 0 ? signed_zero() : check_random_float(0.5f, 1.0f);
    case FILL_STEPS:
        return (float)check_random_below(33) - (i / BLOCK % 2 == 0 ? 16.0f : 0.0f);
    case FILL_EXTREMES:
        return ldexpf(check_random_float(-1.999f, 1.999f), (int)check_random_below(255) - 127);
    case FILL_TINY:
        return ldexpf(check_random_float(-1, 1),
                      -119 - (int)check_random_below(i / BLOCK % 32 + 1));
    case FILL_HALVES:
        return check_random_below(2) == 0 ? half_value() : -half_value();
    default:
        return check_random_float(-3.0f, 3.0f);
    }
}

static size_t row_bytes(rk_dtype dtype, size_t n) {
    size_t bytes = 0;
    (void)rk_dtype_row_bytes(&bytes, dtype, n); // n is a multiple of the block
    return bytes;
}

static size_t block_of(rk_dtype dtype) {
    return rk_dtype_describe(dtype)->block_values;
}

// ---- decoding

static void check_decoder(const check_level *level, rk_dtype dtype, const uint8_t *row, size_t n,
                          size_t misalignment) {
    const size_t bytes = n * sizeof(float);
    guarded expected = guarded_new(bytes, 0), out = guarded_new(bytes, 4 * misalignment);
    level->scalar.rows.decode[dtype]((float *)(void *)expected.data, row, n);
    level->tested.rows.decode[dtype]((float *)(void *)out.data, row, n);
    if (!guarded_intact(&out)) check_fail("wrote outside of its output, %zu values", n);
    for (size_t i = 0; i < n; i++) {
        uint32_t a, b;
        memcpy(&a, expected.data + 4 * i, sizeof a);
        memcpy(&b, out.data + 4 * i, sizeof b);
        // Where a step and a minimum both are, one NaN is as good as the other.
        const bool both_nan =
            block_of(dtype) > 1 && isnan(rk__float_from_bits(a)) && isnan(rk__float_from_bits(b));
        if (a != b && !both_nan) check_fail("value %zu of %zu is %08x, expected %08x", i, n, b, a);
    }
    guarded_free(&expected);
    guarded_free(&out);
}

// A row without a byte to spare, so that a sanitizer sees what reads behind it.
static void check_random_row(const check_level *level, rk_dtype dtype, size_t n, size_t shift) {
    const size_t size = row_bytes(dtype, n) + shift;
    uint8_t *memory = check_alloc(size > 0 ? size : 1);
    for (size_t i = 0; i < size; i++) memory[i] = (uint8_t)check_random();
    check_decoder(level, dtype, memory + shift, n, shift % 2);
    free(memory);
}

static void check_all_halves(const check_level *level, rk_dtype dtype) {
    uint8_t *row = check_alloc(2 * N_HALVES);
    for (uint32_t i = 0; i < N_HALVES; i++) {
        row[2 * i] = (uint8_t)i;
        row[2 * i + 1] = (uint8_t)(i >> 8);
    }
    check_decoder(level, dtype, row, N_HALVES, 0);
    free(row);
}

static void check_decoding(const check_level *level, rk_dtype dtype) {
    char name[64];
    snprintf(name, sizeof name, "decode %s", rk_dtype_describe(dtype)->name);
    if (level->tested.rows.decode[dtype] == level->below.rows.decode[dtype]) return;
    if (!check_begin(name)) return;
    const size_t block = block_of(dtype);
    for (size_t n = 0; n <= LONGEST_TAIL * block && n <= MAX_VALUES; n += block) {
        for (size_t shift = 0; shift < 4; shift++) check_random_row(level, dtype, n, shift);
    }
    if (dtype == RK_DTYPE_F16 || dtype == RK_DTYPE_BF16) check_all_halves(level, dtype);
    check_end();
}

// ---- encoding

static void check_encoder(const check_level *level, rk_dtype dtype, const float *values, size_t n,
                          size_t misalignment) {
    const size_t bytes = row_bytes(dtype, n);
    guarded expected = guarded_new(bytes, 0), out = guarded_new(bytes, misalignment);
    level->scalar.rows.encode[dtype](expected.data, values, n);
    level->tested.rows.encode[dtype](out.data, values, n);
    if (!guarded_intact(&out)) check_fail("wrote outside of its output, %zu values", n);
    const size_t unit = rk_dtype_describe(dtype)->block_bytes;
    for (size_t i = 0; i < bytes; i += unit) {
        if (check_same_bits(expected.data + i, out.data + i, unit)) continue;
        const float first = values[i / unit * block_of(dtype)];
        check_fail("block %zu of %zu, which begins with %a, is not the scalar one", i / unit,
                   bytes / unit, (double)first);
    }
    guarded_free(&expected);
    guarded_free(&out);
}

static void check_filled_row(const check_level *level, rk_dtype dtype, fill kind, size_t n,
                             size_t shift) {
    float *memory = check_alloc((n + shift + 1) * sizeof *memory);
    float *values = memory + 1 + shift; // what reads behind the last one is seen
    for (size_t i = 0; i < n; i++) values[i] = fill_value(kind, i);
    check_encoder(level, dtype, values, n, shift);
    free(memory);
}

static void check_encoding(const check_level *level, rk_dtype dtype) {
    char name[64];
    snprintf(name, sizeof name, "encode %s", rk_dtype_describe(dtype)->name);
    if (level->tested.rows.encode[dtype] == level->below.rows.encode[dtype]) return;
    if (!check_begin(name)) return;
    const size_t block = block_of(dtype);
    for (fill kind = 0; kind < FILL_COUNT; kind++) {
        if (kind == FILL_BITS && block > 1) continue; // must be finite
        for (size_t n = 0; n <= LONGEST_TAIL * block && n <= MAX_VALUES; n += block) {
            check_filled_row(level, dtype, kind, n, n / block % 4);
        }
        check_filled_row(level, dtype, kind, 100 * MAX_VALUES, 1);
    }
    check_end();
}

// ---- the largest magnitude

static void check_magnitude_of(const check_level *level, const float *values, size_t n) {
    const uint32_t expected = level->scalar.rows.largest_magnitude(values, n);
    const uint32_t found = level->tested.rows.largest_magnitude(values, n);
    if (found != expected) check_fail("%08x of %zu values, expected %08x", found, n, expected);
}

static void check_largest_magnitude(const check_level *level) {
    if (level->tested.rows.largest_magnitude == level->below.rows.largest_magnitude) return;
    if (!check_begin("largest_magnitude")) return;
    static const float specials[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0x1p-149f};
    for (size_t n = 1; n <= LONGEST_TAIL; n++) {
        float *values = check_alloc(n * sizeof *values);
        for (size_t i = 0; i < n; i++) values[i] = signed_zero();
        check_magnitude_of(level, values, n);
        for (size_t s = 0; s < sizeof specials / sizeof specials[0]; s++) {
            const size_t at = check_random_below(n);
            values[at] = specials[s];
            check_magnitude_of(level, values, n);
            if (level->tested.rows.largest_magnitude(values, n) !=
                (rk__bits_of_float(values[at]) & 0x7fffffffu)) {
                check_fail("%a among zeros is not the largest", (double)specials[s]);
            }
            values[at] = 0.0f;
        }
        for (size_t i = 0; i < n; i++) values[i] = fill_value(FILL_RANDOM, i);
        check_magnitude_of(level, values, n);
        check_magnitude_of(level, values, 0);
        free(values);
    }
    check_end();
}

// ---- sums of squares

static void check_squares(const check_level *level) {
    if (level->tested.rows.squares == level->below.rows.squares) return;
    if (!check_begin("squares")) return;
    for (size_t n = 0; n <= LONGEST_TAIL; n++) {
        float *values = check_alloc((n + 1) * sizeof *values);
        float *rounded = check_alloc((n + 1) * sizeof *rounded);
        for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++) {
            if (kind == FILL_BITS) continue; // NaN has no one pattern
            for (size_t i = 0; i < n; i++) {
                values[1 + i] = fill_value(kind, i);
                rounded[1 + i] = values[1 + i] * check_random_float(0.9f, 1.1f);
            }
            const rk__row_squares a = level->scalar.rows.squares(values + 1, rounded + 1, n);
            const rk__row_squares b = level->tested.rows.squares(values + 1, rounded + 1, n);
            if (!check_same_bits(&a, &b, sizeof a)) {
                check_fail("of %zu values: %a and %a, expected %a and %a", n, b.of_values,
                           b.of_errors, a.of_values, a.of_errors);
            }
        }
        free(values);
        free(rounded);
    }
    check_end();
}

void check_rows(const check_level *level) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        check_decoding(level, (rk_dtype)i);
        if (level->tested.rows.encode[i] != NULL) check_encoding(level, (rk_dtype)i);
    }
    check_largest_magnitude(level);
    check_squares(level);
}
