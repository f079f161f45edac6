// Running mean and variance against two passes in long double.
#include <criterion/criterion.h>
#include <math.h>

#include "eval/moments.h"

// n values around `offset`, spread over `width`, in an irregular order.
static double value_at(size_t i, double offset, double width) {
    return offset + width * ((double)(i * 7919 % 1009) / 1009 - 0.3);
}

static void check(size_t n, double offset, double width) {
    rk__moments moments = {0};
    long double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        rk__moments_add(&moments, value_at(i, offset, width));
        sum += value_at(i, offset, width);
    }
    const long double mean = sum / (long double)n;
    for (size_t i = 0; i < n; i++) {
        const long double d = value_at(i, offset, width) - mean;
        squares += d * d;
    }
    const double variance = (double)(squares / (long double)(n - 1));
    cr_assert_eq(moments.count, n);
    cr_assert_float_eq(moments.mean, (double)mean, 1e-12 * (fabs(offset) + width));
    cr_assert_float_eq(rk__moments_variance(&moments), variance, 1e-6 * variance);
    cr_assert_float_eq(rk__moments_standard_error(&moments), sqrt(variance / (double)n),
                       1e-6 * sqrt(variance));
}

Test(moments, agree_with_two_passes) {
    check(2, 0, 1);
    check(1000, 0, 1);
    check(100000, 3, 0.5);
    // Where a sum of squares would have lost everything.
    check(100000, 1e9, 1);
    check(1000, -1e12, 10);
}

Test(moments, of_one_two_three) {
    rk__moments moments = {0};
    for (int i = 1; i <= 3; i++) rk__moments_add(&moments, i);
    cr_assert_eq(moments.mean, 2);
    cr_assert_eq(rk__moments_variance(&moments), 1);
    cr_assert_float_eq(rk__moments_standard_error(&moments), 0.5773502691896258, 1e-15);
}

Test(moments, of_fewer_than_two_have_no_spread) {
    rk__moments moments = {0};
    cr_assert_eq(rk__moments_variance(&moments), 0);
    cr_assert_eq(rk__moments_standard_error(&moments), 0);
    rk__moments_add(&moments, 5);
    cr_assert_eq(moments.mean, 5);
    cr_assert_eq(rk__moments_variance(&moments), 0);
    cr_assert_eq(rk__moments_standard_error(&moments), 0);
}
