// Sums over scores, against the definitions.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "rk/eval.h"

enum { N = 400 };

static void make_scores(rk_token_score scores[N]) {
    for (size_t i = 0; i < N; i++) {
        const double x = (double)((i * 7919) % 1000) / 1000;
        scores[i] = (rk_token_score){.loss = 0.3 + x,
                                     .base_loss = 0.3 + x + 0.02 * sin((double)i),
                                     .best = (uint32_t)(i % 5),
                                     .base_best = (uint32_t)(i % 10 == 9 ? 0 : i % 5),
                                     .divergence = x * x};
    }
}

static double mean_of(const double *values) {
    double sum = 0;
    for (size_t i = 0; i < N; i++) sum += values[i];
    return sum / N;
}

static double error_of(const double *values) {
    const double mean = mean_of(values);
    double sum = 0;
    for (size_t i = 0; i < N; i++) sum += (values[i] - mean) * (values[i] - mean);
    return sqrt(sum / (N - 1) / N);
}

static void check_estimate(const rk_estimate *found, const double *values) {
    cr_assert_float_eq(found->mean, mean_of(values), 1e-12);
    cr_assert_float_eq(found->standard_error, error_of(values), 1e-12);
}

Test(summary, of_a_comparison) {
    static rk_token_score scores[N];
    make_scores(scores);
    rk_comparison c;
    cr_assert_eq(rk_summarize_comparison(&c, scores, N, NULL, NULL), RK_OK);
    double loss[N], base[N], change[N], same[N], p[N], p2[N], divergence[N], linear[N];
    for (size_t i = 0; i < N; i++) {
        loss[i] = scores[i].loss;
        base[i] = scores[i].base_loss;
        change[i] = loss[i] - base[i];
        same[i] = scores[i].best == scores[i].base_best;
        p[i] = exp(-loss[i]) - exp(-base[i]);
        p2[i] = p[i] * p[i];
        divergence[i] = scores[i].divergence;
    }
    cr_assert_eq(c.loss.n_tokens, N);
    cr_assert_float_eq(c.loss.mean, mean_of(loss), 1e-12);
    cr_assert_float_eq(c.loss.perplexity, exp(mean_of(loss)), 1e-12);
    cr_assert_float_eq(c.loss.perplexity_error, exp(mean_of(loss)) * error_of(loss), 1e-12);
    cr_assert_float_eq(c.base_loss.mean, mean_of(base), 1e-12);
    check_estimate(&c.loss_change, change);
    check_estimate(&c.agreement, same);
    check_estimate(&c.probability_change, p);
    check_estimate(&c.probability_square, p2);
    check_estimate(&c.divergence, divergence);
    cr_assert_float_eq(c.probability_rms, sqrt(mean_of(p2)), 1e-12);
    for (size_t i = 0; i < N; i++) {
        linear[i] = c.loss.perplexity * loss[i] - c.base_loss.perplexity * base[i];
    }
    cr_assert_float_eq(c.perplexity_change.mean, c.loss.perplexity - c.base_loss.perplexity, 1e-12);
    cr_assert_float_eq(c.perplexity_change.standard_error, error_of(linear), 1e-12);
    rk_sort_values(divergence, N);
    cr_assert_eq(c.largest, divergence[N - 1]);
    cr_assert_float_eq(c.percentiles[0], rk_percentile(divergence, N, 0.5), 1e-15);
    cr_assert_float_eq(c.percentiles[4], rk_percentile(divergence, N, 0.999), 1e-15);
    // Far more exact than the perplexities themselves.
    cr_assert(c.perplexity_change.standard_error < 0.2 * c.loss.perplexity_error);
}

Test(summary, of_losses_with_bootstrap) {
    static rk_token_score scores[N];
    make_scores(scores);
    const rk_bootstrap b = {.n_resamples = 300, .block = 10, .seed = 2};
    rk_loss loss;
    cr_assert_eq(rk_summarize_losses(&loss, scores, N, &b, NULL), RK_OK);
    cr_assert(loss.bootstrap_error > 0);
    cr_assert_float_eq(loss.perplexity_bootstrap_error, loss.perplexity * loss.bootstrap_error,
                       1e-15);
    rk_error err = {0};
    cr_assert_eq(rk_summarize_losses(&loss, scores, 0, &b, &err), RK_ERR_ARGUMENT);
}

Test(summary, by_position) {
    enum { LONG = 2100, SHORT = 512 };
    const rk_passage passages[] = {{NULL, LONG, 1}, {NULL, SHORT, 100}, {NULL, 600, 512}};
    const size_t n = rk_passages_scores(passages, 3);
    cr_assert_eq(n, LONG - 1 + SHORT - 100 + 88);
    rk_token_score *scores = calloc(n, sizeof *scores);
    for (size_t i = 0; i < n; i++) scores[i] = (rk_token_score){.loss = 1, .divergence = 0.5};
    for (size_t i = 511; i < 1023; i++) scores[i].loss = 3; // numbers 512 .. 1023 of the first
    rk_position_bin bins[RK_MAX_POSITION_BINS];
    cr_assert_eq(rk_summarize_positions(bins, passages, 3, scores), 4);
    static const size_t firsts[] = {0, 512, 1024, 2048}, ends[] = {512, 1024, 2048, 4096};
    static const uint64_t counts[] = {511 + 412, 512 + 88, 1024, 52};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(bins[i].first, firsts[i]);
        cr_assert_eq(bins[i].end, ends[i]);
        cr_assert_eq(bins[i].n_tokens, counts[i]);
        cr_assert_float_eq(bins[i].divergence.mean, 0.5, 1e-12);
    }
    cr_assert_float_eq(bins[0].loss.mean, 1, 1e-12);
    cr_assert_float_eq(bins[1].loss.mean, (3.0 * 512 + 88) / 600, 1e-12);
    cr_assert(bins[1].loss.standard_error > 0);
    free(scores);
}
