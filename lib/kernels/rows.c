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

void rk__rows_init(rk__rows *rows, rk__isa isa) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        rows->decode[i] = rk__row_decoder_of((rk_dtype)i);
        rows->encode[i] = rk__row_encoder_of((rk_dtype)i);
    }
    rows->largest_magnitude = rk__largest_magnitude_scalar;
#if defined(__x86_64__)
    if (isa >= RK__ISA_AVX2) {
        rk__float_rows_init_avx2(rows);
        rk__block_rows_init_avx2(rows);
    }
#else
    (void)isa;
#endif
}
