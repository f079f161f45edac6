// The sampler against the rule in rk/sampler.h, computed the plain way in long double.
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rk/sampler.h"
#include "test_numbers.h"

static int descending(const void *a, const void *b) {
    const long double x = *(const long double *)a, y = *(const long double *)b;
    return (x < y) - (x > y);
}

static void normalize(long double *p, size_t n) {
    long double sum = 0;
    for (size_t i = 0; i < n; i++) sum += p[i];
    for (size_t i = 0; i < n; i++) p[i] /= sum;
}

// The probability at which the running sum first reaches top_p; 0 when it never does.
static long double plain_cutoff(const long double *p, size_t n, double top_p) {
    long double *sorted = malloc(n * sizeof *sorted);
    memcpy(sorted, p, n * sizeof *p);
    qsort(sorted, n, sizeof *sorted, descending);
    long double sum = 0, cutoff = 0;
    for (size_t i = 0; i < n && cutoff == 0; i++) {
        sum += sorted[i];
        if (sum >= top_p) cutoff = sorted[i];
    }
    free(sorted);
    return cutoff;
}

static void plain_rule(long double *p, const float *logits, size_t n, double temperature,
                       double top_p) {
    size_t first_largest = 0;
    for (size_t i = 1; i < n; i++) {
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): n is the array's size
        if (logits[i] > logits[first_largest]) first_largest = i;
    }
    if (temperature == 0) {
        for (size_t i = 0; i < n; i++) p[i] = logits[i] == logits[first_largest];
        normalize(p, n);
        return;
    }
    const long double largest = logits[first_largest];
    for (size_t i = 0; i < n; i++) p[i] = expl((long double)logits[i] - largest);
    normalize(p, n);
    const long double cutoff = top_p < 1 ? plain_cutoff(p, n, top_p) : 0;
    const long double p_largest = p[first_largest];
    for (size_t i = 0; i < n; i++) {
        p[i] = p[i] < cutoff ? 0 : powl(p[i] / p_largest, 1 / (long double)temperature);
        if (logits[i] == -INFINITY) p[i] = 0;
    }
    normalize(p, n);
}

static rk_sampler *make(size_t n_vocab, double temperature, double top_p, uint64_t seed) {
    rk_sampler *sampler = NULL;
    rk_error err = {0};
    const rk_sampler_options options = {.temperature = temperature, .top_p = top_p, .seed = seed};
    cr_assert_eq(rk_sampler_new(&sampler, n_vocab, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_sampler_vocabulary(sampler), n_vocab);
    return sampler;
}

static uint32_t draw(rk_sampler *sampler, const float *logits) {
    uint32_t token = UINT32_MAX;
    rk_error err = {0};
    cr_assert_eq(rk_sampler_draw(sampler, logits, &token, &err), RK_OK, "%s", err.message);
    cr_assert_lt(token, rk_sampler_vocabulary(sampler));
    return token;
}

// Draws once and compares all probabilities with the plain rule's.
static void check_rule(rk_sampler *sampler, const float *logits, double temperature, double top_p) {
    const size_t n = rk_sampler_vocabulary(sampler);
    long double *expected = malloc(n * sizeof *expected);
    plain_rule(expected, logits, n, temperature, top_p);
    const uint32_t token = draw(sampler, logits);
    const float *found = rk_sampler_probabilities(sampler);
    for (size_t i = 0; i < n; i++) {
        const double p = (double)expected[i];
        // Written so that a NaN fails. FLT_MIN: smaller ones are rounded to a denormal or 0.
        if (!(fabs((double)found[i] - p) <= 1e-6 * p + (double)FLT_MIN)) {
            cr_assert_fail("temperature %g, top_p %g, %zu tokens: token %zu has %g instead of %g",
                           temperature, top_p, n, i, (double)found[i], p);
        }
    }
    cr_assert_gt(expected[token], 0, "token %u was drawn, which was dropped", token);
    free(expected);
}

static void fill(float *logits, size_t n, double deviation, test_numbers *numbers) {
    const bool coarse = test_below(numbers, 3) == 0; // many ties
    const bool banned = test_below(numbers, 3) == 0;
    for (size_t i = 0; i < n; i++) {
        const double x = deviation * test_normal(numbers);
        logits[i] = coarse ? (float)(round(x * 2) / 2) : (float)x;
        if (banned && test_below(numbers, 2) == 0) logits[i] = -INFINITY;
    }
    if (banned) logits[test_below(numbers, n)] = 1.5F; // one at least is left
}

Test(sampler, follows_the_rule_for_random_logits_and_settings) {
    const uint64_t seed = 71;
    cr_log_info("seed %llu", (unsigned long long)seed);
    static const size_t sizes[] = {1, 2, 3, 8, 33, 256, 1000};
    static const double deviations[] = {0, 0.1, 1, 5, 30};
    static const double temperatures[] = {0, 1e-3, 0.3, 1, 1, 1.7, 50};
    static const double top_ps[] = {0, 1e-6, 0.3, 0.5, 0.85, 0.85, 0.99, 0.999999, 1, 1.5};
    test_numbers numbers = {seed};
    for (int round = 0; round < 1000; round++) {
        const size_t n = sizes[test_below(&numbers, 7)];
        const double deviation = deviations[test_below(&numbers, 5)];
        const double temperature = temperatures[test_below(&numbers, 7)];
        const double top_p = top_ps[test_below(&numbers, 10)];
        rk_sampler *sampler = make(n, temperature, top_p, (uint64_t)round);
        float *logits = malloc(n * sizeof *logits);
        // Twice: nothing of the first draw may be left in the second.
        for (int again = 0; again < 2; again++) {
            fill(logits, n, deviation, &numbers);
            check_rule(sampler, logits, temperature, top_p);
        }
        free(logits);
        rk_sampler_free(&sampler);
    }
}

Test(sampler, follows_the_rule_for_a_large_vocabulary) {
    enum { N = 65536 };
    static const double deviations[] = {0, 0.5, 2, 4, 8};
    static const double top_ps[] = {0, 0.3, 0.85, 0.999, 1};
    static float logits[N];
    test_numbers numbers = {5};
    for (size_t d = 0; d < 5; d++) {
        for (size_t i = 0; i < N; i++) logits[i] = (float)(deviations[d] * test_normal(&numbers));
        for (size_t t = 0; t < 5; t++) {
            rk_sampler *sampler = make(N, 1.2, top_ps[t], 1);
            check_rule(sampler, logits, 1.2, top_ps[t]);
            rk_sampler_free(&sampler);
        }
    }
}

// p of 1/2, 1/4, 1/8 and 1/8, up to a rounding of the logits: around each step of the running sum.
Test(sampler, cuts_where_the_running_sum_reaches_top_p) {
    const float logits[] = {(float)log(0.125), (float)log(0.5), (float)log(0.125),
                            (float)log(0.25)};
    static const struct {
        double top_p;
        float kept[4];
    } cases[] = {{0, {0, 1, 0, 0}},
                 {0.499, {0, 1, 0, 0}},
                 {0.501, {0, 2 / 3.F, 0, 1 / 3.F}},
                 {0.749, {0, 2 / 3.F, 0, 1 / 3.F}},
                 {0.751, {0.125F, 0.5F, 0.125F, 0.25F}}, // the second 1/8 is a tie of the first
                 {1, {0.125F, 0.5F, 0.125F, 0.25F}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rk_sampler *sampler = make(4, 1, cases[i].top_p, 0);
        draw(sampler, logits);
        for (size_t k = 0; k < 4; k++) {
            cr_assert_float_eq(rk_sampler_probabilities(sampler)[k], cases[i].kept[k], 1e-6,
                               "top_p %g, token %zu", cases[i].top_p, k);
        }
        rk_sampler_free(&sampler);
    }
}

Test(sampler, a_sum_that_equals_top_p_reaches_it) {
    // Once far apart and once so close that only the order within a bucket tells them apart.
    static const float others[] = {-1, -0.001F};
    for (size_t i = 0; i < 2; i++) {
        const float logits[] = {others[i], 0, 2 * others[i]};
        // The sampler's own operations, so equal to its largest probability to the last bit.
        const double largest = 1 / (exp((double)logits[0]) + 1 + exp((double)logits[2]));
        rk_sampler *sampler = make(3, 1, largest, 0);
        draw(sampler, logits);
        cr_assert_eq(rk_sampler_probabilities(sampler)[1], 1);
        rk_sampler_free(&sampler);
        sampler = make(3, 1, nextafter(largest, 1), 0);
        draw(sampler, logits);
        cr_assert_gt(rk_sampler_probabilities(sampler)[0], 0);
        cr_assert_eq(rk_sampler_probabilities(sampler)[2], 0);
        rk_sampler_free(&sampler);
    }
}

// As the package does: temperature 0 there is temperature 1 and top_p 0.
Test(sampler, temperature_0_draws_among_the_largest) {
    const float logits[] = {1, 3, -INFINITY, 3, 2};
    rk_sampler *sampler = make(5, 0, 0.85, 9);
    int drawn[5] = {0};
    for (int i = 0; i < 200; i++) drawn[draw(sampler, logits)]++;
    cr_assert_eq(drawn[1] + drawn[3], 200);
    cr_assert(drawn[1] > 60 && drawn[3] > 60, "%d and %d of 200", drawn[1], drawn[3]);
    cr_assert_eq(rk_sampler_probabilities(sampler)[1], 0.5);
    cr_assert_eq(rk_sampler_probabilities(sampler)[3], 0.5);
    rk_sampler_free(&sampler);
}

Test(sampler, top_p_0_draws_among_the_largest) {
    const float logits[] = {1, 3, 0, 3, 2};
    rk_sampler *sampler = make(5, 1, 0, 9);
    int drawn[5] = {0};
    for (int i = 0; i < 200; i++) drawn[draw(sampler, logits)]++;
    cr_assert_eq(drawn[1] + drawn[3], 200);
    cr_assert(drawn[1] > 60 && drawn[3] > 60, "%d and %d of 200", drawn[1], drawn[3]);
    rk_sampler_free(&sampler);
}

Test(sampler, extreme_settings_leave_a_distribution) {
    static const double temperatures[] = {DBL_TRUE_MIN, 1e-300, 1e-20, 1e20, 1e300, DBL_MAX};
    static const double top_ps[] = {DBL_TRUE_MIN, 1 - DBL_EPSILON / 2, 1, DBL_MAX};
    static const float vectors[][4] = {{FLT_MAX, -FLT_MAX, 0, FLT_MAX},
                                       {-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX},
                                       {FLT_TRUE_MIN, 0, -FLT_TRUE_MIN, 0},
                                       {1000, -1000, 999, -INFINITY},
                                       {-5000, -INFINITY, -INFINITY, -INFINITY}};
    for (size_t t = 0; t < 6; t++) {
        for (size_t k = 0; k < 4; k++) {
            rk_sampler *sampler = make(4, temperatures[t], top_ps[k], 1);
            for (size_t v = 0; v < 5; v++) {
                const uint32_t token = draw(sampler, vectors[v]);
                const float *p = rk_sampler_probabilities(sampler);
                cr_assert_gt(p[token], 0);
                cr_assert_float_eq(p[0] + p[1] + p[2] + p[3], 1, 1e-6);
            }
            rk_sampler_free(&sampler);
        }
    }
}

Test(sampler, a_high_temperature_makes_survivors_equal_and_a_low_one_greedy) {
    const float logits[] = {1000, -1000, 999, -INFINITY};
    rk_sampler *hot = make(4, 1e300, 1, 1);
    draw(hot, logits);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_float_eq(rk_sampler_probabilities(hot)[i], 1 / 3.0, 1e-7);
    }
    cr_assert_eq(rk_sampler_probabilities(hot)[3], 0);
    rk_sampler *cold = make(4, 1e-300, 1, 1);
    for (int i = 0; i < 20; i++) cr_assert_eq(draw(cold, logits), 0);
    cr_assert_eq(rk_sampler_probabilities(cold)[0], 1);
    rk_sampler_free(&hot);
    rk_sampler_free(&cold);
}

// Expected tokens: an independent computation of the rule and of Philox4x32-10 (in Python); no draw
// there is closer than 0.002 to the border between two tokens.
Test(sampler, a_seed_gives_these_tokens) {
    const float logits[] = {0.5F, -1.25F, 2.0F, 1.5F, -0.75F, 0.0F, 1.75F, -3.0F};
    enum { N = 16 };
    static const struct {
        uint64_t seed;
        double temperature, top_p;
        uint32_t tokens[N];
    } cases[] = {
        {42, 1, 1, {3, 2, 4, 4, 6, 2, 6, 2, 2, 2, 4, 2, 2, 3, 6, 2}},
        {42, 0.8, 0.9, {2, 2, 3, 3, 6, 2, 6, 2, 2, 2, 3, 2, 2, 2, 6, 2}},
        {0x123456789abcdef0, 1.5, 0.95, {3, 2, 2, 2, 6, 6, 0, 3, 0, 2, 0, 3, 3, 2, 6, 0}},
    };
    for (size_t c = 0; c < 3; c++) {
        rk_sampler *sampler = make(8, cases[c].temperature, cases[c].top_p, cases[c].seed);
        for (size_t i = 0; i < N; i++) {
            const uint32_t token = draw(sampler, logits);
            cr_assert_eq(token, cases[c].tokens[i], "case %zu, draw %zu: token %u", c, i, token);
        }
        rk_sampler_free(&sampler);
    }
}

Test(sampler, draws_are_distributed_as_the_probabilities_say) {
    enum { N = 8, DRAWS = 100000 };
    const float logits[N] = {0.5F, -1.25F, 2.0F, 1.5F, -0.75F, 0.0F, 1.75F, -1.0F};
    long double p[N];
    plain_rule(p, logits, N, 1.3, 1);
    rk_sampler *sampler = make(N, 1.3, 1, 2024);
    double seen[N] = {0}, chi_square = 0;
    for (int i = 0; i < DRAWS; i++) seen[draw(sampler, logits)]++;
    for (size_t i = 0; i < N; i++) {
        const double expected = DRAWS * (double)p[i];
        chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    // 7 degrees of freedom: above 24.3 or below 0.6 once in a thousand seeds each.
    cr_assert(chi_square < 24.3 && chi_square > 0.6, "chi square %g", chi_square);
    rk_sampler_free(&sampler);
}

Test(sampler, no_options_are_the_defaults) {
    const rk_sampler_options defaults = rk_sampler_defaults();
    cr_assert_eq(defaults.temperature, 1.0);
    cr_assert_eq(defaults.top_p, 0.85);
    cr_assert_eq(defaults.seed, 0);
    rk_sampler *sampler = NULL;
    cr_assert_eq(rk_sampler_new(&sampler, 3, NULL, NULL), RK_OK);
    check_rule(sampler, (const float[]){0, 2, 1}, 1.0, 0.85);
    rk_sampler_free(&sampler);
    cr_assert_null(sampler);
    rk_sampler_free(&sampler);
}

Test(sampler, bad_settings_are_refused_by_name) {
    static const double bad[] = {NAN, INFINITY, -INFINITY, -1e-9};
    for (size_t i = 0; i < 4; i++) {
        for (int which = 0; which < 2; which++) {
            rk_sampler_options options = rk_sampler_defaults();
            *(which == 0 ? &options.temperature : &options.top_p) = bad[i];
            rk_sampler *sampler = (rk_sampler *)&options;
            rk_error err = {0};
            cr_assert_eq(rk_sampler_new(&sampler, 10, &options, &err), RK_ERR_ARGUMENT);
            cr_assert_null(sampler);
            cr_assert_not_null(strstr(err.message, which == 0 ? "temperature" : "top_p"));
        }
    }
    rk_sampler *sampler = NULL;
    cr_assert_eq(rk_sampler_new(&sampler, 0, NULL, NULL), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_sampler_new(&sampler, (size_t)UINT32_MAX + 2, NULL, NULL), RK_ERR_ARGUMENT);
}

static void check_refused(const float *logits, const char *message) {
    const float good[] = {0.5F, -1.25F, 2.0F, 1.5F, -0.75F, 0.0F, 1.75F, -3.0F};
    rk_sampler *sampler = make(8, 1, 1, 42);
    cr_assert_eq(draw(sampler, good), 3);
    uint32_t token = 77;
    rk_error err = {0};
    cr_assert_eq(rk_sampler_draw(sampler, logits, &token, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, message), "%s", err.message);
    cr_assert_eq(token, 77);
    for (size_t i = 0; i < 8; i++) cr_assert_eq(rk_sampler_probabilities(sampler)[i], 0);
    // It took no random number: the next draw is the second one of this seed.
    cr_assert_eq(draw(sampler, good), 2);
    rk_sampler_free(&sampler);
}

Test(sampler, bad_logits_are_refused_by_token) {
    check_refused((const float[]){0, 1, 2, NAN, 4, INFINITY, NAN, 7}, "token 3 is NaN");
    check_refused((const float[]){0, 1, INFINITY, NAN, 4, 5, 6, 7}, "token 2 is infinite");
    check_refused((const float[]){0, 1, 2, 3, 4, 5, 6, -NAN}, "token 7 is NaN");
    const float none = -INFINITY;
    check_refused((const float[]){none, none, none, none, none, none, none, none}, "all 8 logits");
}

Test(sampler, a_vocabulary_of_one_token) {
    static const double temperatures[] = {0, 1e-3, 1, 1000};
    for (size_t i = 0; i < 4; i++) {
        rk_sampler *sampler = make(1, temperatures[i], 0.5, 3);
        cr_assert_eq(draw(sampler, (const float[]){-12.5F}), 0);
        cr_assert_eq(rk_sampler_probabilities(sampler)[0], 1);
        rk_sampler_free(&sampler);
    }
}
