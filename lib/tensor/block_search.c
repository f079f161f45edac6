// The block searches: their scalar definition.
#include "tensor/block_search.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "tensor/half.h"
#include "tensor/pack_codes.h"
#include "tensor/round_codes.h"
#include "tensor/search_candidates.h"

// ---- what both kinds of formats share

static float to_f16(float value) {
    return rk__float_from_f16(rk__f16_from_float(value));
}

// Weights with the largest brought to 1; all 1 where they say nothing.
static void level(float out[RK__BLOCK], const float weights[RK__BLOCK]) {
    float largest = 0.0f;
    for (size_t i = 0; i < RK__BLOCK; i++) {
        if (weights[i] > largest) largest = weights[i];
    }
    const float scale = 1.0f / largest;
    const bool usable = scale > 0.0f && scale < INFINITY;
    for (size_t i = 0; i < RK__BLOCK; i++) out[i] = usable ? weights[i] * scale : 1.0f;
}

// One candidate with what it is worth.
typedef struct candidate {
    rk__block_fit fit;
    float gain; // -INFINITY: nothing found
} candidate;

static const candidate nothing = {.gain = -INFINITY};

static void keep_better(candidate *best, candidate other) {
    if (other.gain > best->gain) *best = other;
}

// ---- formats around a middle code

typedef struct around_zero {
    const float *values;
    float weights[RK__BLOCK];
    rk__code_range codes;
} around_zero;

// Codes for value * inverse, and the step of least squares for them.
static candidate fit_step(const around_zero *a, float inverse) {
    float value_code = 0.0f, code_code = 0.0f; // weighted sums of products
    for (size_t i = 0; i < RK__BLOCK; i++) {
        const float code = rk__nearest_code_within(a->values[i] * inverse, a->codes);
        const float weighted = a->weights[i] * code;
        value_code += weighted * a->values[i];
        code_code += weighted * code;
    }
    const float d = to_f16(value_code / code_code);
    const float gain = d * (2.0f * value_code - d * code_code);
    return gain > 0.0f && gain < INFINITY ? (candidate){{d, 0.0f}, gain} : nothing;
}

// The root of the weighted mean of the squares.
static float root_mean_square(const around_zero *a) {
    float squares = 0.0f, weight_sum = 0.0f;
    for (size_t i = 0; i < RK__BLOCK; i++) {
        squares += a->weights[i] * (a->values[i] * a->values[i]);
        weight_sum += a->weights[i];
    }
    return sqrtf(squares / weight_sum);
}

// The signed extreme of the values that matter.
static float extreme_that_matters(const around_zero *a) {
    float kept[RK__BLOCK];
    for (size_t i = 0; i < RK__BLOCK; i++) {
        kept[i] = a->weights[i] < rk__weight_that_matters ? 0.0f : a->values[i];
    }
    return rk__signed_extreme(kept, RK__BLOCK);
}

static rk__block_fit search_around_zero(const float values[RK__BLOCK],
                                        const float weights[RK__BLOCK], float zero) {
    around_zero a = {.values = values, .codes = {-zero, zero - 1.0f}};
    level(a.weights, weights);
    const float extreme = rk__signed_extreme(values, RK__BLOCK);
    const float unit = zero / 8.0f / extreme;
    const float unit_that_matters = zero / 8.0f / extreme_that_matters(&a);
    const float rms_unit = zero / 8.0f / copysignf(root_mean_square(&a), extreme);
    const size_t last = RK__AROUND_ZERO_GROUPS - 1;
    candidate best = nothing;
    for (size_t lane = 0; lane < RK__SEARCH_LANES; lane++) {
        const float other_unit = lane < RK__SEARCH_LANES / 2 ? unit_that_matters : rms_unit;
        candidate mine = nothing;
        for (size_t group = 0; group < last; group++) {
            keep_better(&mine, fit_step(&a, rk__spreads[group][lane] * unit));
        }
        keep_better(&mine, fit_step(&a, rk__spreads[last][lane] * other_unit));
        for (size_t i = 0; i < RK__SEARCH_REFINEMENTS; i++) {
            keep_better(&mine, fit_step(&a, 1.0f / mine.fit.d));
        }
        keep_better(&best, mine);
    }
    if (best.gain > 0.0f) return best.fit;
    return (rk__block_fit){to_f16(extreme / -zero), 0.0f};
}

static rk__block_fit fit_q4_0(const float values[RK__BLOCK], const float weights[RK__BLOCK]) {
    return search_around_zero(values, weights, 8.0f);
}

static rk__block_fit fit_q5_0(const float values[RK__BLOCK], const float weights[RK__BLOCK]) {
    return search_around_zero(values, weights, 16.0f);
}

// ---- formats above a least value

typedef struct above_least {
    float offsets[RK__BLOCK]; // of the values from `middle`, so that sums of squares stay small
    float weights[RK__BLOCK];
    float middle;
    rk__code_range codes;
    float weight_sum, weighted_offset; // sums of weights and of weighted offsets
    float start, range;                // of all offsets
    float start_that_matters, range_that_matters;
    float mean, deviation; // weighted, of the offsets
} above_least;

// Codes for (offset - start) * inverse, and the line of least squares for them.
static candidate fit_line(const above_least *a, float start, float inverse) {
    float code_sum = 0.0f, code_code = 0.0f, offset_code = 0.0f; // weighted
    for (size_t i = 0; i < RK__BLOCK; i++) {
        const float code = rk__nearest_code_within((a->offsets[i] - start) * inverse, a->codes);
        const float weighted = a->weights[i] * code;
        code_sum += weighted;
        code_code += weighted * code;
        offset_code += weighted * a->offsets[i];
    }
    const float spread = a->weight_sum * code_code - code_sum * code_sum;
    const float along = a->weight_sum * offset_code - code_sum * a->weighted_offset;
    const float d = to_f16(along / spread);
    const float m = to_f16(a->middle + (a->weighted_offset - d * code_sum) / a->weight_sum);
    const float from = m - a->middle;
    const float of_d = d * (2.0f * offset_code - d * code_code);
    const float of_m = from * (2.0f * (a->weighted_offset - d * code_sum) - from * a->weight_sum);
    const float gain = of_d + of_m;
    const bool found = d > 0.0f && gain > -INFINITY && gain < INFINITY;
    return found ? (candidate){{d, m}, gain} : nothing;
}

static void find_ranges(above_least *a, rk__line extremes) {
    float least = INFINITY, greatest = -INFINITY;
    a->range = a->codes.most * extremes.d;
    a->start = extremes.m - a->middle;
    for (size_t i = 0; i < RK__BLOCK; i++) {
        if (a->weights[i] < rk__weight_that_matters) continue;
        if (a->offsets[i] < least) least = a->offsets[i];
        if (a->offsets[i] > greatest) greatest = a->offsets[i];
    }
    a->start_that_matters = least;
    a->range_that_matters = greatest - least;
}

static void prepare_lines(above_least *a, const float values[RK__BLOCK],
                          const float weights[RK__BLOCK], rk__line extremes) {
    float squares = 0.0f;
    level(a->weights, weights);
    a->middle = extremes.m + 0.5f * (a->codes.most * extremes.d);
    for (size_t i = 0; i < RK__BLOCK; i++) {
        a->offsets[i] = values[i] - a->middle;
        const float weighted = a->weights[i] * a->offsets[i];
        a->weight_sum += a->weights[i];
        a->weighted_offset += weighted;
        squares += weighted * a->offsets[i];
    }
    a->mean = a->weighted_offset / a->weight_sum;
    a->deviation = sqrtf(squares / a->weight_sum - a->mean * a->mean);
    find_ranges(a, extremes);
}

// A candidate with its refinements.
static candidate try_line(const above_least *a, float start, float width) {
    candidate c = fit_line(a, start, a->codes.most / width);
    for (size_t i = 0; i < RK__SEARCH_REFINEMENTS; i++) {
        keep_better(&c, fit_line(a, c.fit.m - a->middle, 1.0f / c.fit.d));
    }
    return c;
}

// Candidate `lane` of a group of cuts.
static candidate try_cut(const above_least *a, size_t group, size_t lane) {
    const bool last = group == RK__ABOVE_LEAST_GROUPS - 2;
    const float start = last ? a->start_that_matters : a->start;
    const float range = last ? a->range_that_matters : a->range;
    const float below = rk__cuts_below[group][lane], above = rk__cuts_above[group][lane];
    return try_line(a, start + below * range, (1.0f - below - above) * range);
}

static rk__block_fit search_above_least(const float values[RK__BLOCK],
                                        const float weights[RK__BLOCK], float largest) {
    above_least a = {.codes = {0.0f, largest}};
    const rk__line extremes = rk__line_between_extremes(values, RK__BLOCK, (uint8_t)largest);
    candidate best = nothing;
    prepare_lines(&a, values, weights, extremes);
    for (size_t lane = 0; lane < RK__SEARCH_LANES; lane++) {
        candidate mine = nothing;
        for (size_t group = 0; group < RK__ABOVE_LEAST_GROUPS - 1; group++) {
            keep_better(&mine, try_cut(&a, group, lane));
        }
        const float half = rk__deviations[lane] * a.deviation;
        keep_better(&mine, try_line(&a, a.mean - half, 2.0f * half));
        keep_better(&best, mine);
    }
    if (best.gain > -INFINITY) return best.fit;
    return (rk__block_fit){to_f16(extremes.d), to_f16(extremes.m)};
}

static rk__block_fit fit_q4_1(const float values[RK__BLOCK], const float weights[RK__BLOCK]) {
    return search_above_least(values, weights, 15.0f);
}

static rk__block_fit fit_q5_1(const float values[RK__BLOCK], const float weights[RK__BLOCK]) {
    return search_above_least(values, weights, 31.0f);
}

// ---- the table

rk__block_fitter rk__block_fitter_of(rk_dtype dtype) {
    switch (dtype) {
    case RK_DTYPE_Q4_0:
        return fit_q4_0;
    case RK_DTYPE_Q4_1:
        return fit_q4_1;
    case RK_DTYPE_Q5_0:
        return fit_q5_0;
    case RK_DTYPE_Q5_1:
        return fit_q5_1;
    default:
        return NULL;
    }
}

rk__code_range rk__code_range_of(rk_dtype dtype) {
    switch (dtype) {
    case RK_DTYPE_Q4_0:
        return (rk__code_range){-8.0f, 7.0f};
    case RK_DTYPE_Q4_1:
        return (rk__code_range){0.0f, 15.0f};
    case RK_DTYPE_Q5_0:
        return (rk__code_range){-16.0f, 15.0f};
    default:
        assert(dtype == RK_DTYPE_Q5_1);
        return (rk__code_range){0.0f, 31.0f};
    }
}

// d, then m where there is one, then the fifth bits where there are some, then the nibbles.
void rk__store_fitted(rk_dtype dtype, void *block, rk__block_fit fit,
                      const float codes[RK__BLOCK]) {
    const bool has_least = dtype == RK_DTYPE_Q4_1 || dtype == RK_DTYPE_Q5_1;
    const bool has_fifth_bits = dtype == RK_DTYPE_Q5_0 || dtype == RK_DTYPE_Q5_1;
    const float least = rk__code_range_of(dtype).least;
    uint8_t stored[RK__BLOCK];
    uint8_t *bytes = block;
    for (size_t i = 0; i < RK__BLOCK; i++) stored[i] = (uint8_t)(codes[i] - least);
    rk__store_f16le(bytes, fit.d);
    bytes += 2;
    if (has_least) {
        rk__store_f16le(bytes, fit.m);
        bytes += 2;
    }
    if (has_fifth_bits) {
        rk__store_u32le(bytes, rk__fifth_bits_of(stored));
        bytes += 4;
    }
    rk__pack_halves(bytes, stored, RK__BLOCK);
}
