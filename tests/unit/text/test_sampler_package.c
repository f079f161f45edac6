// The preset RWKV against the rwkv package's rules, written down the plain way: random logits,
// settings and tokens that came before, a vocabulary of bytes.
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rk/sampler.h"
#include "test_numbers.h"

enum { N = 256, MAX_CAME = 300 };

// The package's dictionary of occurrences: its values decay, its keys stay.
typedef struct occurrences {
    bool there[N];
    double value[N];
} occurrences;

static void came(occurrences *o, uint32_t token, double decay) {
    for (size_t i = 0; i < N; i++) o->value[i] *= decay;
    const char text[2] = {(char)token, '\0'};
    const bool exempt = token != 0 && strstr(" \t0123456789", text) != NULL;
    o->there[token] = true;
    if (!exempt) o->value[token] += 1;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static double cutoff_of(const double *p, double top_p) {
    double sorted[N], sum = 0;
    memcpy(sorted, p, sizeof sorted);
    qsort(sorted, N, sizeof sorted[0], by_size);
    for (size_t i = 0; i < N; i++) {
        sum += sorted[i];
        if (sum >= top_p) return sorted[i];
    }
    return sorted[N - 1];
}

// sample_logits without the draw. Of tokens that are equal at the border of top_k the package keeps
// those that an unstable sort puts last; here, the first.
static void sample_logits(double *p, const float *logits, double temperature, double top_p,
                          size_t top_k) {
    if (temperature == 0) {
        temperature = 1;
        top_p = 0;
    }
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < N; i++) largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < N; i++) sum += p[i] = exp((double)logits[i] - largest);
    for (size_t i = 0; i < N; i++) p[i] /= sum;
    const double cutoff = top_p < 1 ? cutoff_of(p, top_p) : 0; // the one deviation
    double kept[N];
    for (size_t i = 0; i < N; i++) kept[i] = p[i] < cutoff ? 0 : p[i];
    if (top_k > 0 && top_k < N) {
        for (size_t i = 0; i < N; i++) {
            size_t before = 0;
            for (size_t j = 0; j < N; j++) {
                before += logits[j] > logits[i] || (logits[j] == logits[i] && j < i);
            }
            if (before >= top_k) kept[i] = 0;
        }
    }
    sum = 0;
    for (size_t i = 0; i < N; i++) sum += p[i] = kept[i] > 0 ? pow(kept[i], 1 / temperature) : 0;
    for (size_t i = 0; i < N; i++) p[i] /= sum;
}

typedef struct round_settings {
    rk_sampler_options options;
    uint32_t bans[3];
} round_settings;

static void choose_settings(round_settings *r, test_numbers *numbers) {
    static const double temperatures[] = {0, 0.3, 1, 1, 1.7, 3};
    static const double top_ps[] = {0, 0.1, 0.3, 0.5, 0.85, 0.85, 0.99, 1};
    static const size_t top_ks[] = {0, 0, 1, 5, 50, N};
    static const double penalties[] = {0, 0.2, 0.5, 1.3, -0.4};
    static const double decays[] = {1, 0.996, 0.9, 0};
    rk_sampler_options *o = &r->options;
    *o = rk_sampler_preset_options(RK_PRESET_RWKV);
    o->temperature = temperatures[test_below(numbers, 6)];
    o->top_p = top_ps[test_below(numbers, 8)];
    o->top_k = top_ks[test_below(numbers, 6)];
    o->presence_penalty = penalties[test_below(numbers, 5)];
    o->frequency_penalty = penalties[test_below(numbers, 5)];
    o->penalty_decay = decays[test_below(numbers, 4)];
    o->seed = test_bits(numbers);
    for (size_t i = 0; i < 3; i++) r->bans[i] = (uint32_t)test_below(numbers, N);
    o->bans = r->bans;
    o->n_bans = test_below(numbers, 4);
}

static void check_probabilities(rk_sampler *sampler, const float *logits, const round_settings *r,
                                const occurrences *o, int round) {
    const rk_sampler_options *s = &r->options;
    float changed[N];
    double expected[N];
    memcpy(changed, logits, sizeof changed);
    for (size_t i = 0; i < s->n_bans; i++) changed[r->bans[i]] = -INFINITY;
    for (size_t i = 0; i < N; i++) {
        if (!o->there[i]) continue;
        const double penalty = s->presence_penalty + o->value[i] * s->frequency_penalty;
        changed[i] = (float)((double)changed[i] - penalty); // the package's logits are float32
    }
    sample_logits(expected, changed, s->temperature, s->top_p, s->top_k);

    rk_error err = {0};
    uint32_t token;
    cr_assert_eq(rk_sampler_draw(sampler, logits, &token, &err), RK_OK, "%s", err.message);
    const float *found = rk_sampler_probabilities(sampler);
    for (size_t i = 0; i < N; i++) {
        cr_assert_eq(found[i] > 0, expected[i] >= (double)FLT_TRUE_MIN,
                     "round %d: token %zu has %g instead of %g", round, i, (double)found[i],
                     expected[i]);
        cr_assert(fabs((double)found[i] - expected[i]) <= 2e-6 * expected[i] + (double)FLT_MIN,
                  "round %d: token %zu has %g instead of %g", round, i, (double)found[i],
                  expected[i]);
    }
    cr_assert_gt(expected[token], 0);
}

Test(sampler_package, a_thousand_random_logits_and_settings) {
    const uint64_t seed = 4711;
    cr_log_info("seed %llu", (unsigned long long)seed);
    test_numbers numbers = {seed};
    rk_tokenizer *bytes;
    cr_assert_eq(rk_tokenizer_open(&bytes, N, NULL), RK_OK);
    for (int n = 0; n < 1000; n++) {
        round_settings r;
        choose_settings(&r, &numbers);
        r.options.tokenizer = bytes;
        rk_sampler *sampler;
        cr_assert_eq(rk_sampler_new(&sampler, N, &r.options, NULL), RK_OK);
        occurrences o = {0};
        const size_t n_came = test_below(&numbers, MAX_CAME);
        for (size_t i = 0; i < n_came; i++) {
            // Few tokens, digits among them, so that counts grow.
            const uint32_t token = (uint32_t)(40 + test_below(&numbers, 30));
            cr_assert_eq(rk_sampler_accept(sampler, token, NULL), RK_OK);
            came(&o, token, r.options.penalty_decay);
        }
        float logits[N];
        const bool coarse = test_below(&numbers, 3) == 0; // ties
        const double deviation = 0.5 + 4 * test_uniform(&numbers);
        for (size_t i = 0; i < N; i++) {
            const double x = deviation * test_normal(&numbers);
            logits[i] = coarse ? (float)(round(x * 2) / 2) : (float)x;
        }
        check_probabilities(sampler, logits, &r, &o, n);
        rk_sampler_free(&sampler);
    }
    rk_tokenizer_close(&bytes);
}

// Presence stays when the count has decayed to nothing.
Test(sampler_package, presence_does_not_decay) {
    rk_sampler_options o = rk_sampler_defaults();
    o.presence_penalty = 1;
    o.frequency_penalty = 3;
    o.penalty_decay = 0.5;
    o.top_p = 1;
    rk_sampler *sampler;
    uint32_t token;
    cr_assert_eq(rk_sampler_new(&sampler, 4, &o, NULL), RK_OK);
    cr_assert_eq(rk_sampler_accept(sampler, 0, NULL), RK_OK);
    for (int i = 0; i < 2000; i++) cr_assert_eq(rk_sampler_accept(sampler, 1, NULL), RK_OK);
    cr_assert_eq(rk_sampler_draw(sampler, (const float[]){0, 0, 0, 0}, &token, NULL), RK_OK);
    const double e0 = exp(-1), e1 = exp(-1 - 3 * 2.0), sum = e0 + e1 + 2; // count of 1: 2
    const float *p = rk_sampler_probabilities(sampler);
    cr_assert_float_eq((double)p[0], e0 / sum, 1e-7);
    cr_assert_float_eq((double)p[1], e1 / sum, 1e-9);
    cr_assert_float_eq((double)p[2], 1 / sum, 1e-7);
    rk_sampler_free(&sampler);
}
