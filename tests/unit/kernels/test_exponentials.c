// The exponentials behind softmax, against long double.
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "kernels/exponentials.h"

static const double LEAST = -708; // what is below becomes this
static const double BOUND = 1e-15;

static double exp_of(float x, float largest) {
    double out;
    rk__exponentials_of(rk__isa_available())(&out, &x, largest, 1);
    return out;
}

// The error relative to exp of the exact difference.
static double error_of(double found, float x, float largest) {
    double difference = (double)x - (double)largest;
    if (difference < LEAST) difference = LEAST;
    const long double expected = expl((long double)difference);
    return (double)fabsl(((long double)found - expected) / expected);
}

static void check_range(double least, double most, uint64_t seed) {
    enum { N = 1 << 16 };
    static float x[N];
    static double out[N];
    rk__random random = {.seed = seed};
    const float largest = (float)most;
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)(least + (most - least) * rk__random_uniform(&random));
    }
    rk__exponentials_of(rk__isa_available())(out, x, largest, N);
    double worst = 0;
    for (size_t i = 0; i < N; i++) {
        const double error = error_of(out[i], x[i], largest);
        if (!(error <= worst)) worst = error;
    }
    cr_assert(worst <= BOUND, "%g to %g: %g, seed %llu", least, most, worst,
              (unsigned long long)seed);
}

Test(exponentials, are_within_their_bound) {
    check_range(-1, 0, 1);
    check_range(-40, 0, 2);
    check_range(-708, 0, 3);
    check_range(-20, 60, 4);
    check_range(-3e4, -2.97e4, 5);
}

// Where k changes, |r| is largest.
Test(exponentials, at_the_borders_of_the_reduction) {
    for (int k = 0; k > -1021; k--) {
        const float border = (float)((k - 0.5) * M_LN2);
        const float around[] = {nextafterf(border, -INFINITY), border, nextafterf(border, 0)};
        for (size_t i = 0; i < 3; i++) {
            const double error = error_of(exp_of(around[i], 0), around[i], 0);
            cr_assert(error <= BOUND, "exp(%.9g): %g", (double)around[i], error);
        }
    }
}

// The largest logit itself counts as exactly one, whatever it is.
Test(exponentials, of_nothing_is_one) {
    static const float values[] = {0, -0.0F, 1, -7.25F, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45F};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cr_assert_eq(exp_of(values[i], values[i]), 1, "%g", (double)values[i]);
    }
    cr_assert_eq(exp_of(-1e-45F, 0), 1); // a denormal difference
    cr_assert_eq(exp_of(-1e-40F, 1e-40F), 1);
}

// exp would be denormal from -708.4 on and zero from -745.2 on: the smallest that is given is
// exp(-708), a normal number.
Test(exponentials, of_large_negatives) {
    static const float values[] = {-708.5F, -720, -745, -746, -1e4F, -FLT_MAX, -INFINITY};
    const double least = exp_of(-708, 0);
    cr_assert(least >= DBL_MIN && error_of(least, -708, 0) <= BOUND, "%g", least);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cr_assert_eq(exp_of(values[i], 0), least, "%g", (double)values[i]);
    }
    cr_assert_eq(exp_of(-FLT_MAX, FLT_MAX), least);
    cr_assert(exp_of(-707.9F, 0) > least);
}

// What is no number, or has no difference to the largest one, is seen in the sum.
Test(exponentials, of_what_is_not_finite) {
    cr_assert(isnan(exp_of(NAN, 0)));
    cr_assert(isnan(exp_of(0, NAN)));
    cr_assert(isnan(exp_of(INFINITY, INFINITY)));
    cr_assert(isnan(exp_of(-INFINITY, -INFINITY)));
}

// All variants give the scalar one's bits, whatever the numbers, at every length and offset, and
// touch nothing behind their output.
Test(exponentials, are_the_same_in_all_variants) {
    enum { MOST = 83 };
    static const float special[] = {NAN, INFINITY, -INFINITY, 0, -708, -709, -FLT_MAX, 1e-45F};
    float x[MOST + 1];
    rk__random random = {.seed = 11};
    for (size_t i = 0; i <= MOST; i++) {
        x[i] = i % 5 == 3 ? special[i / 5 % 8] : (float)(-730 * rk__random_uniform(&random));
    }
    const rk__exponentials scalar = rk__exponentials_of(RK__ISA_SCALAR);
    for (int isa = RK__ISA_SCALAR; isa <= (int)rk__isa_available(); isa++) {
        if (!rk__isa_exists((rk__isa)isa)) continue;
        const rk__exponentials variant = rk__exponentials_of((rk__isa)isa);
        for (size_t n = 0; n <= MOST; n++) {
            double expected[MOST], out[MOST + 1];
            for (size_t i = 0; i <= MOST; i++) out[i] = -1;
            scalar(expected, x + n % 2, 0, n);
            variant(out, x + n % 2, 0, n);
            for (size_t i = 0; i < n; i++) {
                const bool same = memcmp(&out[i], &expected[i], sizeof out[i]) == 0 ||
                                  (isnan(out[i]) && isnan(expected[i]));
                cr_assert(same, "%s, %zu of %zu: exp(%g) is %a, scalar %a",
                          rk__isa_name((rk__isa)isa), i, n, (double)x[n % 2 + i], out[i],
                          expected[i]);
            }
            cr_assert_eq(out[n], -1, "%s, %zu", rk__isa_name((rk__isa)isa), n);
        }
    }
}
