// Rows of plain floats with AVX2 and F16C, 8 values at a time; what is left over is done by the
// scalar versions. Rounding is nearest even, whatever mode the processor is in.
#include <immintrin.h>
#include <string.h>

#include "kernels/rows.h"
#include "tensor/row_functions.h"

enum { LANES = 8 };

static void copy_f32(float *out, const void *row, size_t n) {
    if (n > 0) memcpy(out, row, n * sizeof *out); // the machine is little-endian, as files are
}

static void store_f32(void *row, const float *values, size_t n) {
    if (n > 0) memcpy(row, values, n * sizeof *values);
}

static void decode_f16(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 2 * i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(halves));
    }
    rk__decode_f16(out + i, bytes + 2 * i, n - i);
}

static void decode_bf16(float *out, const void *row, size_t n) {
    const uint8_t *bytes = row;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 2 * i));
        const __m256i bits = _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
        _mm256_storeu_ps(out + i, _mm256_castsi256_ps(bits));
    }
    rk__decode_bf16(out + i, bytes + 2 * i, n - i);
}

static void encode_f16(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m128i halves =
            _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(bytes + 2 * i), halves);
    }
    rk__encode_f16(bytes + 2 * i, values + i, n - i);
}

// The upper halves of 8 floats, rounded, in the lower 16 bits of each lane.
static inline __m256i round_to_bf16(__m256i bits) {
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i bias = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, bias), 16);
    const __m256i quiet =
        _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x0040)); // for NaN
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
    return _mm256_blendv_epi8(rounded, quiet, is_nan);
}

static void encode_bf16(void *row, const float *values, size_t n) {
    uint8_t *bytes = row;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256i upper = round_to_bf16(_mm256_castps_si256(_mm256_loadu_ps(values + i)));
        const __m128i packed =
            _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
        _mm_storeu_si128((__m128i *)(void *)(bytes + 2 * i), packed);
    }
    rk__encode_bf16(bytes + 2 * i, values + i, n - i);
}

static uint32_t largest_of(__m256i v) {
    __m128i x = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    x = _mm_max_epu32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2)));
    x = _mm_max_epu32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(x);
}

static uint32_t largest_magnitude(const float *values, size_t n) {
    const __m256i magnitude_bits = _mm256_set1_epi32(0x7fffffff);
    __m256i largest = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256i bits = _mm256_castps_si256(_mm256_loadu_ps(values + i));
        largest = _mm256_max_epu32(largest, _mm256_and_si256(bits, magnitude_bits));
    }
    const uint32_t rest = rk__largest_magnitude_scalar(values + i, n - i);
    const uint32_t top = largest_of(largest);
    return rest > top ? rest : top;
}

// Sums of squares of 8 values on their way: lanes 0 .. 3 and 4 .. 7.
typedef struct square_sums {
    __m256d low, high;
} square_sums;

static inline void add_squares(square_sums *sums, __m256d low, __m256d high) {
    sums->low = _mm256_add_pd(sums->low, _mm256_mul_pd(low, low));
    sums->high = _mm256_add_pd(sums->high, _mm256_mul_pd(high, high));
}

// What is left over at the end of a row goes to the lanes that it would have gone to.
static void add_rest(square_sums *sums, const float *values, size_t n) {
    double rest[LANES] = {0};
    for (size_t i = 0; i < n; i++) rest[i] = (double)values[i];
    add_squares(sums, _mm256_loadu_pd(rest), _mm256_loadu_pd(rest + 4));
}

static double sum_lanes(const square_sums *sums) {
    double s[4];
    _mm256_storeu_pd(s, _mm256_add_pd(sums->low, sums->high));
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void add_error_rest(square_sums *sums, const float *values, const float *rounded, size_t n) {
    double rest[LANES] = {0};
    for (size_t i = 0; i < n; i++) rest[i] = (double)rounded[i] - (double)values[i];
    add_squares(sums, _mm256_loadu_pd(rest), _mm256_loadu_pd(rest + 4));
}

static rk__row_squares squares(const float *values, const float *rounded, size_t n) {
    square_sums of_values = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    square_sums of_errors = of_values;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256d low = _mm256_cvtps_pd(_mm_loadu_ps(values + i));
        const __m256d high = _mm256_cvtps_pd(_mm_loadu_ps(values + i + 4));
        const __m256d low_rounded = _mm256_cvtps_pd(_mm_loadu_ps(rounded + i));
        const __m256d high_rounded = _mm256_cvtps_pd(_mm_loadu_ps(rounded + i + 4));
        add_squares(&of_values, low, high);
        add_squares(&of_errors, _mm256_sub_pd(low_rounded, low), _mm256_sub_pd(high_rounded, high));
    }
    if (i < n) {
        add_rest(&of_values, values + i, n - i);
        add_error_rest(&of_errors, values + i, rounded + i, n - i);
    }
    return (rk__row_squares){sum_lanes(&of_values), sum_lanes(&of_errors)};
}

void rk__float_rows_init_avx2(rk__rows *rows) {
    rows->decode[RK_DTYPE_F32] = copy_f32;
    rows->decode[RK_DTYPE_F16] = decode_f16;
    rows->decode[RK_DTYPE_BF16] = decode_bf16;
    rows->encode[RK_DTYPE_F32] = store_f32;
    rows->encode[RK_DTYPE_F16] = encode_f16;
    rows->encode[RK_DTYPE_BF16] = encode_bf16;
    rows->largest_magnitude = largest_magnitude;
    rows->squares = squares;
}
