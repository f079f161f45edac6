// Random numbers: the generator's published known answers, and what is made of them.
#include <criterion/criterion.h>

#include <math.h>

#include "base/random.h"

// From the known-answer file of the generator's authors (Random123, philox4x32 with 10 rounds).
Test(random, known_answers) {
    static const struct {
        uint32_t counter[4], key[2], block[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t block[4];
        rk__philox(block, cases[i].counter, cases[i].key);
        cr_assert_arr_eq(block, cases[i].block, sizeof block, "case %zu", i);
    }
}

Test(random, uniform_is_made_of_the_first_two_words) {
    rk__random random = {0};
    // 0xe169c58d6627e8d5 >> 11, times 2^-53.
    cr_assert_eq(rk__random_uniform(&random), (double)(0xe169c58d6627e8d5 >> 11) / 0x1p53);
    cr_assert_eq(random.counter, 1);
    cr_assert_eq(random.seed, 0);
}

Test(random, a_place_in_the_stream_can_be_had_directly) {
    rk__random stream = {.seed = 0x123456789abcdef0};
    for (int i = 0; i < 100; i++) rk__random_uniform(&stream);
    rk__random direct = {.seed = 0x123456789abcdef0, .counter = 100};
    cr_assert_eq(rk__random_uniform(&stream), rk__random_uniform(&direct));
}

Test(random, both_halves_of_seed_and_counter_count) {
    rk__random a = {.seed = 1}, b = {.seed = 1ull << 32}, c = {.counter = 1ull << 32}, d = {0};
    const double values[] = {rk__random_uniform(&a), rk__random_uniform(&b), rk__random_uniform(&c),
                             rk__random_uniform(&d)};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < i; k++) cr_assert_neq(values[i], values[k], "%d and %d", i, k);
    }
}

Test(random, uniform_fills_its_range_evenly) {
    enum { DRAWS = 200000, BINS = 64 };
    rk__random random = {.seed = 42};
    double sum = 0;
    unsigned bins[BINS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const double u = rk__random_uniform(&random);
        cr_assert(u >= 0 && u < 1, "draw %d: %.17g", i, u);
        sum += u;
        bins[(int)(u * BINS)]++;
    }
    // Five standard errors of a mean of uniform numbers: 5 / sqrt(12 * DRAWS).
    cr_assert_lt(fabs(sum / DRAWS - 0.5), 5 / sqrt(12.0 * DRAWS));
    double chi_squared = 0;
    const double expected = (double)DRAWS / BINS;
    for (int i = 0; i < BINS; i++) {
        const double off = (double)bins[i] - expected;
        chi_squared += off * off / expected;
    }
    // 63 degrees of freedom: 99.9999 % lie below 125, and far too even would be as wrong.
    cr_assert(chi_squared > 20 && chi_squared < 125, "chi squared %.1f", chi_squared);
}
