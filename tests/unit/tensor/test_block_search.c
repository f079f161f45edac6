// The block searches: what they gain on normal values, what they may never lose, and what becomes
// of blocks that are out of the ordinary.
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "tensor/block_search.h"
#include "tensor/convert_row.h"
#include "tensor/half.h"

static const rk_dtype formats[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q5_0, RK_DTYPE_Q5_1};
enum { N_FORMATS = sizeof formats / sizeof formats[0], BLOCK = RK__BLOCK };

static float normal(rk__random *random) {
    const double radius = sqrt(-2.0 * log(1.0 - rk__random_uniform(random)));
    return (float)(radius * cos(2.0 * 3.14159265358979 * rk__random_uniform(random)));
}

// The values of a block that was searched, as a reader of the file sees them.
static rk__block_fit search(float decoded[BLOCK], rk_dtype dtype, const float *values,
                            const float *weights) {
    uint8_t block[BLOCK];
    float codes[BLOCK];
    const rk__block_fit fit = rk__block_fitter_of(dtype)(values, weights);
    const float inverse = fit.d != 0.0F ? 1.0F / fit.d : 0.0F;
    for (size_t i = 0; i < BLOCK; i++) {
        codes[i] = rk__nearest_code_within((values[i] - fit.m) * inverse, rk__code_range_of(dtype));
    }
    rk__store_fitted(dtype, block, fit, codes);
    rk__row_decoder_of(dtype)(decoded, block, BLOCK);
    for (size_t i = 0; i < BLOCK; i++) { // what is stored is what was meant
        cr_assert_eq(decoded[i], codes[i] * fit.d + fit.m);
    }
    return fit;
}

static void round_by_reference(float decoded[BLOCK], rk_dtype dtype, const float *values) {
    uint8_t block[BLOCK];
    rk__row_encoder_of(dtype)(block, values, BLOCK);
    rk__row_decoder_of(dtype)(decoded, block, BLOCK);
}

static double weighted_error(const float *values, const float *decoded, const float *weights) {
    double sum = 0.0;
    for (size_t i = 0; i < BLOCK; i++) {
        const double error = (double)decoded[i] - (double)values[i];
        sum += (double)weights[i] * error * error;
    }
    return sum;
}

static void fill(float values[BLOCK], float value) {
    for (size_t i = 0; i < BLOCK; i++) values[i] = value;
}

enum { N_NORMAL = 1 << 15 };

// How much smaller the root mean square error becomes on N_NORMAL blocks of normal values when all
// squares weigh the same.
static double gain_on_normal_values(rk_dtype dtype, uint64_t seed) {
    rk__random random = {.seed = seed};
    double searched = 0.0, reference = 0.0;
    float values[BLOCK], decoded[BLOCK], ones[BLOCK];
    fill(ones, 1.0F);
    for (size_t n = 0; n < N_NORMAL; n++) {
        for (size_t i = 0; i < BLOCK; i++) values[i] = normal(&random);
        search(decoded, dtype, values, ones);
        searched += weighted_error(values, decoded, ones);
        round_by_reference(decoded, dtype, values);
        reference += weighted_error(values, decoded, ones);
    }
    return 1.0 - sqrt(searched / reference);
}

// No choice of the numbers gains more than 5.9 % and 12.5 % in Q4_0 and Q4_1. (From one sample of
// so many values to the next the gain differs by some 0.03 %.)
Test(block_search, gains_what_there_is_to_gain_on_normal_values) {
    static const double least[N_FORMATS] = {0.0585, 0.115, 0.061, 0.105};
    static const double most[N_FORMATS] = {0.0605, 0.128, 0.065, 0.128};
    for (size_t f = 0; f < N_FORMATS; f++) {
        const double gain = gain_on_normal_values(formats[f], 1);
        cr_expect(gain >= least[f] && gain <= most[f], "%s gains %.2f %%",
                  rk_dtype_describe(formats[f])->name, 100.0 * gain);
    }
}

// The error that an exhaustive search leaves: 41 steps for each sign, each refined once.
static double exhaustive_error(const float values[BLOCK]) {
    enum { N_STEPS = 41 };
    float extreme = 0.0F;
    double best = INFINITY;
    for (size_t i = 0; i < BLOCK; i++) {
        if (fabsf(values[i]) > fabsf(extreme)) extreme = values[i];
    }
    for (int k = 0; k < 2 * N_STEPS; k++) {
        const float spread = 5.5F + 4.0F * (float)(k / 2) / (N_STEPS - 1);
        float d = extreme / (k % 2 == 0 ? spread : -spread);
        for (int round = 0; round < 2; round++) {
            double error = 0.0, value_code = 0.0, code_code = 0.0;
            d = rk__float_from_f16(rk__f16_from_float(d));
            for (size_t i = 0; i < BLOCK; i++) {
                const double code = fmax(-8.0, fmin(7.0, rint((double)(values[i] / d))));
                error += pow((double)values[i] - (double)d * code, 2.0);
                value_code += (double)values[i] * code;
                code_code += code * code;
            }
            best = fmin(best, error);
            d = (float)(value_code / code_code);
        }
    }
    return best;
}

Test(block_search, is_nearly_as_good_as_an_exhaustive_one) {
    enum { N_BLOCKS = 2000 };
    rk__random random = {.seed = 2};
    double searched = 0.0, exhaustive = 0.0;
    float values[BLOCK], decoded[BLOCK], ones[BLOCK];
    fill(ones, 1.0F);
    for (size_t n = 0; n < N_BLOCKS; n++) {
        for (size_t i = 0; i < BLOCK; i++) values[i] = normal(&random);
        search(decoded, RK_DTYPE_Q4_0, values, ones);
        searched += weighted_error(values, decoded, ones);
        exhaustive += exhaustive_error(values);
    }
    cr_assert(sqrt(searched / exhaustive) < 1.0005, "%g", sqrt(searched / exhaustive));
}

// Whatever the weights. The numbers are rounded to FP16 one by one, so the best pair of them may be
// missed by a little.
Test(block_search, does_not_lose_to_the_reference_in_what_it_minimises) {
    enum { N_BLOCKS = 2000 };
    const uint64_t seed = 11;
    rk__random random = {.seed = seed};
    float values[BLOCK], weights[BLOCK], searched[BLOCK], reference[BLOCK];
    for (size_t n = 0; n < N_BLOCKS; n++) {
        for (size_t i = 0; i < BLOCK; i++) {
            values[i] = normal(&random) * (n % 3 == 0 && i == n % BLOCK ? 30.0F : 1.0F);
            weights[i] = (float)pow(rk__random_uniform(&random), (double)(n % 5));
        }
        for (size_t f = 0; f < N_FORMATS; f++) {
            search(searched, formats[f], values, weights);
            round_by_reference(reference, formats[f], values);
            const double after = weighted_error(values, searched, weights);
            const double before = weighted_error(values, reference, weights);
            cr_assert(after <= before * 1.002, "%s, seed %d, block %zu: %g after %g",
                      rk_dtype_describe(formats[f])->name, (int)seed, n, after, before);
        }
    }
}

// A block with one value that is 40 times as large as the others.
static void fill_with_outlier(float values[BLOCK], size_t at, float outlier) {
    rk__random random = {.seed = at};
    for (size_t i = 0; i < BLOCK; i++) values[i] = normal(&random);
    values[at] = outlier;
}

Test(block_search, cuts_off_what_does_not_matter) {
    for (size_t at = 0; at < BLOCK; at++) {
        float with[BLOCK], without[BLOCK], weights[BLOCK], a[BLOCK], b[BLOCK];
        fill_with_outlier(with, at, at % 2 == 0 ? 40.0F : -40.0F);
        fill_with_outlier(without, at, 0.0F);
        fill(weights, 1.0F);
        weights[at] = 0.0F;
        for (size_t f = 0; f < N_FORMATS; f++) {
            search(a, formats[f], with, weights);
            search(b, formats[f], without, weights);
            const double cut = weighted_error(with, a, weights);
            const double free = weighted_error(without, b, weights);
            cr_assert(cut <= free * 1.5, "%s, value %zu: %g, %g without it",
                      rk_dtype_describe(formats[f])->name, at, cut, free);
        }
    }
}

Test(block_search, keeps_what_matters) {
    for (size_t at = 0; at < BLOCK; at++) {
        float values[BLOCK], weights[BLOCK], decoded[BLOCK];
        fill_with_outlier(values, at, 40.0F);
        for (size_t i = 0; i < BLOCK; i++) weights[i] = values[i] * values[i];
        for (size_t f = 0; f < N_FORMATS; f++) {
            search(decoded, formats[f], values, weights);
            cr_assert(fabsf(decoded[at] - 40.0F) < 0.4F, "%s, value %zu is %g",
                      rk_dtype_describe(formats[f])->name, at, (double)decoded[at]);
        }
    }
}

Test(block_search, depends_on_the_ratio_of_weights_alone) {
    rk__random random = {.seed = 3};
    for (size_t n = 0; n < 200; n++) {
        float values[BLOCK], weights[BLOCK], scaled[BLOCK];
        for (size_t i = 0; i < BLOCK; i++) {
            values[i] = normal(&random);
            weights[i] = (float)rk__random_uniform(&random);
            scaled[i] = weights[i] * 0x1p60F;
        }
        for (size_t f = 0; f < N_FORMATS; f++) {
            const rk__block_fit a = rk__block_fitter_of(formats[f])(values, weights);
            const rk__block_fit b = rk__block_fitter_of(formats[f])(values, scaled);
            cr_assert(a.d == b.d && a.m == b.m);
        }
    }
}

// Both signs of the step are tried, so a block and its mirror image have mirrored codes.
Test(block_search, mirrors_a_mirrored_block) {
    rk__random random = {.seed = 4};
    for (size_t n = 0; n < 200; n++) {
        float values[BLOCK], mirrored[BLOCK], ones[BLOCK];
        fill(ones, 1.0F);
        for (size_t i = 0; i < BLOCK; i++) {
            values[i] = normal(&random);
            mirrored[i] = -values[i];
        }
        for (size_t f = 0; f < N_FORMATS; f += 2) {
            const rk__block_fit a = rk__block_fitter_of(formats[f])(values, ones);
            const rk__block_fit b = rk__block_fitter_of(formats[f])(mirrored, ones);
            cr_assert_eq(a.d, -b.d);
        }
    }
}

// ---- blocks out of the ordinary

static void expect_values(const float *values, const float *weights, float expected,
                          const char *what) {
    for (size_t f = 0; f < N_FORMATS; f++) {
        float decoded[BLOCK];
        search(decoded, formats[f], values, weights);
        for (size_t i = 0; i < BLOCK; i++) {
            cr_assert_eq(decoded[i], expected, "%s: %s gives %g", what,
                         rk_dtype_describe(formats[f])->name, (double)decoded[i]);
        }
    }
}

Test(block_search, of_constant_blocks) {
    float values[BLOCK], ones[BLOCK], none[BLOCK];
    fill(ones, 1.0F);
    fill(none, 0.0F);
    for (size_t i = 0; i < BLOCK; i++) values[i] = i % 3 == 0 ? -0.0F : 0.0F;
    expect_values(values, ones, 0.0F, "zeros");
    expect_values(values, none, 0.0F, "zeros without weight");
    fill(values, 0.5F);
    expect_values(values, ones, 0.5F, "halves");
    expect_values(values, none, 0.5F, "halves without weight");
    fill(values, -0.25F);
    expect_values(values, ones, -0.25F, "quarters");
    fill(values, 1e-9F);
    expect_values(values, ones, 0.0F, "what FP16 does not hold");
}

// Where there is nothing to find, the block is that of the reference.
Test(block_search, falls_back_to_the_reference) {
    float values[BLOCK], weights[BLOCK];
    fill(weights, 1.0F);
    for (size_t i = 0; i < BLOCK; i++) values[i] = 1e30F * (float)(1 + i % 7);
    cr_assert_eq(rk__block_fitter_of(RK_DTYPE_Q4_0)(values, weights).d, -INFINITY);
    cr_assert_eq(rk__block_fitter_of(RK_DTYPE_Q4_1)(values, weights).d, INFINITY);
    fill(values, 1e-30F);
    const rk__block_fit fit = rk__block_fitter_of(RK_DTYPE_Q5_0)(values, weights);
    cr_assert(fit.d == 0.0F && signbit(fit.d), "as extreme / -16 rounds");
}

// Weights that say nothing weigh all values alike.
Test(block_search, takes_useless_weights_for_equal_ones) {
    static const float useless[] = {0.0F, INFINITY, NAN, 0x1p-149F};
    rk__random random = {.seed = 5};
    float values[BLOCK], ones[BLOCK], weights[BLOCK];
    for (size_t i = 0; i < BLOCK; i++) values[i] = normal(&random);
    fill(ones, 1.0F);
    for (size_t u = 0; u < sizeof useless / sizeof useless[0]; u++) {
        fill(weights, useless[u]);
        for (size_t f = 0; f < N_FORMATS; f++) {
            const rk__block_fit a = rk__block_fitter_of(formats[f])(values, ones);
            const rk__block_fit b = rk__block_fitter_of(formats[f])(values, weights);
            cr_assert(a.d == b.d && a.m == b.m, "weights of %g", (double)useless[u]);
        }
    }
}

Test(block_search, is_there_for_formats_of_today_alone) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        bool expected = false;
        for (size_t f = 0; f < N_FORMATS; f++) expected = expected || (size_t)formats[f] == i;
        cr_expect_eq(rk__block_fitter_of((rk_dtype)i) != NULL, expected, "%s",
                     rk_dtype_describe((rk_dtype)i)->name);
    }
}
