// Factors that make up for rounding errors, against solving for them one by one.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "tensor/compensation.h"

enum { MOST = 40 };

// Statistics of inputs with correlated channels: x = a z, z of as many independent numbers.
typedef struct statistics {
    size_t n, group;
    float squares[MOST];
    float moments[MOST * MOST]; // more than there are
} statistics;

// Where the product of channel i with the j-th of its group stands, j <= i % group.
static size_t place_of(size_t group, size_t i, size_t j) {
    return i / group * rk__triangle(group) + rk__triangle(i % group) + j;
}

static statistics make_statistics(size_t n, size_t group, uint64_t seed) {
    rk__random random = {.seed = seed};
    statistics s = {.n = n, .group = group};
    double a[MOST][MOST];
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) a[i][k] = rk__random_uniform(&random) - 0.3;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t first = i - i % group;
        for (size_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < n; k++) sum += a[i][k] * a[j][k];
            if (i == j) s.squares[i] = (float)sum;
            if (j >= first && j <= i) s.moments[place_of(group, i, j - first)] = (float)sum;
        }
    }
    return s;
}

// H of the channels [first, n) of a group that ends at n, as compensation.h defines it.
static double h_of(const statistics *s, size_t begin, size_t end, size_t i, size_t j) {
    double average = 0.0;
    for (size_t k = begin; k < end; k++) average += (double)s->squares[k] / (double)(end - begin);
    if (i == j) return (double)s->squares[i] + RK__DAMPING * average;
    const size_t later = i > j ? i : j, earlier = i > j ? j : i;
    const float moment = s->moments[place_of(s->group, later, earlier - begin)];
    return (1.0 - RK__DAMPING) * (double)moment;
}

// Solves m x = b by elimination; m and b are used up, x in b.
static void solve(double m[MOST][MOST], double b[MOST], size_t n) {
    for (size_t k = 0; k < n; k++) {
        for (size_t i = k + 1; i < n; i++) {
            const double share = m[i][k] / m[k][k];
            for (size_t j = k; j < n; j++) m[i][j] -= share * m[k][j];
            b[i] -= share * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) b[k] -= m[k][j] * b[j];
        b[k] /= m[k][k];
    }
}

// What is to be taken from channels behind i for an error of 1 in i: -H_rr^-1 H_ri times it is what
// leaves least.
static void check_row(const statistics *s, const rk__compensation *c, size_t i) {
    const size_t begin = i - i % s->group;
    const size_t end = begin + s->group < s->n ? begin + s->group : s->n;
    const size_t rest = end - i - 1;
    double m[MOST][MOST], b[MOST];
    for (size_t p = 0; p < rest; p++) {
        b[p] = h_of(s, begin, end, i + 1 + p, i);
        for (size_t q = 0; q < rest; q++) m[p][q] = h_of(s, begin, end, i + 1 + p, i + 1 + q);
    }
    solve(m, b, rest);
    for (size_t j = 0; j < end - begin; j++) {
        const bool behind = begin + j > i;
        const double expected = behind ? -b[begin + j - i - 1] : 0.0;
        cr_assert_float_eq(c->factors[i * s->group + j], expected, 1e-4 * (1.0 + fabs(expected)),
                           "row %zu, %zu", i, j);
    }
}

static rk__compensation solve_all(const statistics *s) {
    rk__compensation c;
    double *work = malloc(2 * s->group * s->group * sizeof *work);
    cr_assert_eq(rk__compensation_init(&c, s->n, s->group, NULL), RK_OK);
    for (size_t i = 0; i < rk__compensation_groups(&c); i++) {
        rk__compensation_solve(&c, i, s->squares, s->moments, work);
    }
    free(work);
    return c;
}

static void check_factors(size_t n, size_t group) {
    statistics s = make_statistics(n, group, n + 100 * group);
    rk__compensation c = solve_all(&s);
    for (size_t i = 0; i < n; i++) check_row(&s, &c, i);
    rk__compensation_fini(&c);
}

Test(compensation, factors_are_those_of_least_squares) {
    check_factors(1, 1);
    check_factors(2, 2);
    check_factors(7, 7);
    check_factors(40, 40);
}

Test(compensation, groups_stand_alone_and_the_last_may_be_smaller) {
    check_factors(40, 8);
    check_factors(40, 16);
    check_factors(33, 32);
}

static bool all_zero(const rk__compensation *c, size_t first, size_t n) {
    for (size_t i = first * c->group; i < (first + n) * c->group; i++) {
        if (c->factors[i] != 0.0F) return false;
    }
    return true;
}

Test(compensation, nothing_goes_together_in_independent_channels) {
    statistics s = {.n = 16, .group = 16};
    for (size_t i = 0; i < 16; i++) {
        s.squares[i] = (float)(i + 1);
        s.moments[place_of(16, i, i)] = s.squares[i];
    }
    rk__compensation c = solve_all(&s);
    cr_assert(all_zero(&c, 0, 16));
    rk__compensation_fini(&c);
}

// Statistics that no inputs have: those of one group, while the other is in order.
static void check_refused(float moment, float square) {
    statistics s = make_statistics(16, 8, 7);
    s.moments[place_of(8, 1, 0)] = moment;
    s.squares[1] = square;
    rk__compensation c = solve_all(&s);
    cr_assert(all_zero(&c, 0, 8), "moment %g, square %g", (double)moment, (double)square);
    cr_assert_not(all_zero(&c, 8, 8));
    rk__compensation_fini(&c);
}

Test(compensation, contradictions_are_left_alone) {
    check_refused(1e6F, 1.0F);
    check_refused(NAN, 1.0F);
    check_refused(0.0F, NAN);
    check_refused(0.0F, INFINITY);
}

// A channel that was always zero is predicted by nothing and predicts nothing.
Test(compensation, dead_channels_take_no_part) {
    statistics s = make_statistics(8, 8, 9);
    s.squares[3] = 0.0F;
    for (size_t j = 0; j < 8; j++) s.moments[j < 3 ? place_of(8, 3, j) : place_of(8, j, 3)] = 0.0F;
    rk__compensation c = solve_all(&s);
    cr_assert(all_zero(&c, 3, 1));
    for (size_t i = 0; i < 8; i++) cr_assert_eq(c.factors[i * 8 + 3], 0.0F);
    cr_assert_not(all_zero(&c, 4, 1));
    rk__compensation_fini(&c);
}
