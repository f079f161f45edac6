// The block searches and the correction of errors: the bits of the scalar ones.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { BLOCK = RK__BLOCK, N_BLOCKS = 300, LONGEST = 100 };

typedef enum fill {
    FILL_NORMAL, // about so
    FILL_OUTLIER,
    FILL_ZEROS,    // of both signs
    FILL_EQUAL,    // all the same
    FILL_SIGNS,    // one magnitude, both signs
    FILL_FAR,      // close together, far from zero
    FILL_STEPS,    // whole numbers: ties
    FILL_TINY,     // steps that FP16 does not hold, or barely
    FILL_EXTREMES, // many powers of ten, up to FLT_MAX
    FILL_COUNT
} fill;

static float signed_zero(void) {
    return check_random_below(2) == 0 ? -0.0F : 0.0F;
}

static float normal(void) {
    float sum = 0.0F;
    for (int i = 0; i < 4; i++) sum += check_random_float(-1.0F, 1.0F);
    return sum;
}

static void fill_values(float values[BLOCK], fill kind) {
    const float scale = ldexpf(1.0F, (int)check_random_below(30) - 20);
    for (size_t i = 0; i < BLOCK; i++) {
        switch (kind) {
        case FILL_ZEROS:
            values[i] = signed_zero();
            break;
        case FILL_EQUAL:
            values[i] = scale;
            break;
        case FILL_SIGNS:
            values[i] = check_random_below(2) == 0 ? -scale : scale;
            break;
        case FILL_FAR:
            values[i] = 1000.0F + normal();
            break;
        case FILL_STEPS:
            values[i] = (float)check_random_below(33) - 16.0F;
            break;
        case FILL_TINY:
            values[i] = ldexpf(normal(), -(int)check_random_below(140));
            break;
        case FILL_EXTREMES:
            values[i] =
                ldexpf(check_random_float(-1.999F, 1.999F), (int)check_random_below(255) - 127);
            break;
        default:
            values[i] = scale * normal();
        }
    }
    if (kind == FILL_OUTLIER) values[check_random_below(BLOCK)] *= 40.0F;
}

typedef enum importance {
    EQUAL,
    SPREAD, // over many powers of two
    SPARSE, // most of them zero
    NONE,   // all zero
    ONE,
    BROKEN, // infinite, NaN, denormal
    IMPORTANCE_COUNT
} importance;

static float weight_of(importance kind) {
    static const float broken[] = {INFINITY, NAN, FLT_MAX, 0x1p-140F, 1.0F};
    switch (kind) {
    case SPREAD:
        return ldexpf(check_random_float(0.0F, 1.0F), -(int)check_random_below(40));
    case SPARSE:
        return check_random_below(8) == 0 ? check_random_float(0.0F, 9.0F) : 0.0F;
    case NONE:
        return 0.0F;
    case BROKEN:
        return broken[check_random_below(5)];
    default:
        return 1.0F;
    }
}

static void check_fit(const check_level *level, rk_dtype dtype, fill values_kind,
                      importance weights_kind) {
    float *values = check_alloc(BLOCK * sizeof *values);
    float *weights = check_alloc(BLOCK * sizeof *weights);
    for (size_t n = 0; n < N_BLOCKS; n++) {
        fill_values(values, values_kind);
        for (size_t i = 0; i < BLOCK; i++) weights[i] = weight_of(weights_kind);
        if (weights_kind == ONE) {
            for (size_t i = 0; i < BLOCK; i++) weights[i] = 0.0F;
            weights[check_random_below(BLOCK)] = 3.0F;
        }
        const rk__block_fit a = level->scalar.rows.fit[dtype](values, weights);
        const rk__block_fit b = level->tested.rows.fit[dtype](values, weights);
        // Where the steps are beyond FP16, one NaN is as good as the other.
        if (check_same_bits(&a, &b, sizeof a) || (isnan(a.m) && isnan(b.m))) continue;
        check_fail("values %d, weights %d: %a and %a, expected %a and %a", (int)values_kind,
                   (int)weights_kind, (double)b.d, (double)b.m, (double)a.d, (double)a.m);
    }
    free(values);
    free(weights);
}

static void check_fitter(const check_level *level, rk_dtype dtype) {
    char name[64];
    (void)snprintf(name, sizeof name, "search %s", rk_dtype_describe(dtype)->name);
    if (level->tested.rows.fit[dtype] == level->below.rows.fit[dtype]) return;
    if (!check_begin(name)) return;
    for (fill v = 0; v < FILL_COUNT; v++) {
        for (importance w = 0; w < IMPORTANCE_COUNT; w++) check_fit(level, dtype, v, w);
    }
    check_end();
}

static void check_correction_of(const check_level *level, size_t n, size_t stride) {
    const size_t n_factors = (BLOCK - 1) * stride + n;
    guarded expected = guarded_new(n * sizeof(float), 0), out = guarded_new(n * sizeof(float), 4);
    float *factors = check_alloc((n_factors + 1) * sizeof *factors);
    float *a = (float *)(void *)expected.data, *b = (float *)(void *)out.data;
    float errors[BLOCK];
    for (size_t i = 0; i < n_factors; i++) factors[i] = check_random_float(-1.0F, 1.0F);
    for (size_t i = 0; i < BLOCK; i++) errors[i] = check_random_float(-1.0F, 1.0F);
    for (size_t j = 0; j < n; j++) a[j] = b[j] = check_random_float(-1.0F, 1.0F);
    level->scalar.rows.correct(a, errors, factors, stride, n);
    level->tested.rows.correct(b, errors, factors, stride, n);
    if (!guarded_intact(&out)) check_fail("wrote outside of its %zu values", n);
    if (n > 0 && !check_same_bits(a, b, n * sizeof(float))) {
        check_fail("%zu values are not the scalar ones", n);
    }
    free(factors);
    guarded_free(&expected);
    guarded_free(&out);
}

static void check_correction(const check_level *level) {
    if (level->tested.rows.correct == level->below.rows.correct) return;
    if (!check_begin("correct")) return;
    for (size_t n = 0; n <= LONGEST; n++) check_correction_of(level, n, n + n % 3);
    check_end();
}

static void fill_together(rk__together *b, rk__code_range codes) {
    for (size_t r = 0; r < RK__TOGETHER; r++) {
        b->d[r] = check_random_below(9) == 0 ? 0.0F : check_random_float(0.1F, 0.3F);
        b->m[r] = codes.least < 0.0F ? 0.0F : check_random_float(-1.0F, 0.0F);
        b->inverse[r] = b->d[r] != 0.0F ? 1.0F / b->d[r] : 0.0F;
        for (size_t i = 0; i < BLOCK; i++) b->values[i][r] = check_random_float(-1.5F, 1.5F);
    }
}

static void check_rounding(const check_level *level) {
    static const rk_dtype formats[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q5_1};
    if (level->tested.rows.round_together == level->below.rows.round_together) return;
    if (!check_begin("round together")) return;
    for (size_t n = 0; n < N_BLOCKS; n++) {
        const rk__code_range codes = rk__code_range_of(formats[n % 3]);
        const size_t stride = BLOCK + n % 5, n_factors = (BLOCK - 1) * stride + BLOCK;
        float *factors = check_alloc(n_factors * sizeof *factors);
        rk__together a = {0};
        for (size_t i = 0; i < n_factors; i++) factors[i] = check_random_float(-1.0F, 1.0F);
        fill_together(&a, codes);
        rk__together b = a;
        level->scalar.rows.round_together(&a, codes, factors, stride);
        level->tested.rows.round_together(&b, codes, factors, stride);
        if (!check_same_bits(a.codes, b.codes, sizeof a.codes)) check_fail("other codes");
        if (!check_same_bits(a.errors, b.errors, sizeof a.errors)) check_fail("other errors");
        free(factors);
    }
    check_end();
}

void check_search(const check_level *level) {
    for (size_t i = 0; i < RK_DTYPE_COUNT; i++) {
        if (level->tested.rows.fit[i] != NULL) check_fitter(level, (rk_dtype)i);
    }
    check_rounding(level);
    check_correction(level);
}
