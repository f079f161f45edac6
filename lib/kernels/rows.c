// The table of row conversions, and what of it tensor/ does not define.
#include "kernels/rows.h"

#include "tensor/little_endian.h"

// Without their sign, floats order like the integers of the same bits, and NaN is above all.
uint32_t rk__largest_magnitude_scalar(const float *values, size_t n) {
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t magnitude = rk__bits_of_float(values[i]) & 0x7fffffffu;
        if (magnitude > largest) largest = magnitude;
    }
    return largest;
}

enum { LANES = 8 };

// Adds the lanes up in the order that rows.h gives.
static double sum_lanes(const double s[LANES]) {
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

static rk__row_squares squares(const float *values, const float *rounded, size_t n) {
    double of_values[LANES] = {0}, of_errors[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        const double value = (double)values[i];
        const double error = (double)rounded[i] - value;
        of_values[i % LANES] += value * value;
        of_errors[i % LANES] += error * error;
    }
    return (rk__row_squares){sum_lanes(of_values), sum_lanes(of_errors)};
}

static void round_together(rk__together *b, rk__code_range codes, const float *factors,
                           size_t stride) {
    for (size_t i = 0; i < RK__BLOCK; i++) {
        for (size_t r = 0; r < RK__TOGETHER; r++) {
            const float position = (b->values[i][r] - b->m[r]) * b->inverse[r];
            const float code = rk__nearest_code_within(position, codes);
            const float error = b->values[i][r] - (code * b->d[r] + b->m[r]);
            b->codes[i][r] = code;
            b->errors[i][r] = error;
            for (size_t j = i + 1; j < RK__BLOCK; j++) {
                b->values[j][r] -= error * factors[i * stride + j];
            }
        }
    }
}

static void correct(float *values, const float errors[RK__BLOCK], const float *factors,
                    size_t stride, size_t n) {
    for (size_t i = 0; i < RK__BLOCK; i++) {
        for (size_t j = 0; j < n; j++) values[j] -= errors[i] * factors[i * stride + j];
    }
}

void rk__rows_init(rk__rows *rows, rk__isa isa) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        rows->decode[i] = rk__row_decoder_of((rk_dtype)i);
        rows->encode[i] = rk__row_encoder_of((rk_dtype)i);
        rows->fit[i] = rk__block_fitter_of((rk_dtype)i);
    }
    rows->round_together = round_together;
    rows->correct = correct;
    rows->largest_magnitude = rk__largest_magnitude_scalar;
    rows->squares = squares;
#if defined(__x86_64__)
    if (isa >= RK__ISA_AVX2) {
        rk__float_rows_init_avx2(rows);
        rk__block_rows_init_avx2(rows);
        rk__decode_rows_init_avx2(rows);
        rk__search_rows_init_avx2(rows);
    }
    if (isa >= RK__ISA_AVX512) rk__search_rows_init_avx512(rows);
#else
    (void)isa;
#endif
}
