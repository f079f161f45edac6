// Scores summed up.
#include <math.h>

#include "base/error_internal.h"
#include "base/memory.h"
#include "rk/eval.h"

// One array of what is to be averaged, used for one quantity after another.
typedef struct summing {
    const rk_token_score *scores;
    size_t n;
    const rk_bootstrap *bootstrap;
    double *values; // [n]
} summing;

static rk_status summing_init(summing *s, const rk_token_score *scores, size_t n,
                              const rk_bootstrap *bootstrap, rk_error *err) {
    *s = (summing){.scores = scores, .n = n, .bootstrap = bootstrap};
    if (n == 0) return rk__fail(err, RK_ERR_ARGUMENT, "no scores to sum up");
    return rk__alloc_aligned((void **)&s->values, n, sizeof *s->values, err);
}

typedef double (*quantity)(const rk_token_score *score);

static rk_status average(const summing *s, quantity of, rk_estimate *out, rk_error *err) {
    for (size_t i = 0; i < s->n; i++) s->values[i] = of(&s->scores[i]);
    return rk_estimate_mean(out, s->values, s->n, s->bootstrap, err);
}

static double loss_of(const rk_token_score *s) {
    return s->loss;
}

static double base_loss_of(const rk_token_score *s) {
    return s->base_loss;
}

static double loss_change_of(const rk_token_score *s) {
    return s->loss - s->base_loss;
}

static double divergence_of(const rk_token_score *s) {
    return s->divergence;
}

static double agreement_of(const rk_token_score *s) {
    return s->best == s->base_best;
}

static double probability_change_of(const rk_token_score *s) {
    return exp(-s->loss) - exp(-s->base_loss);
}

static double probability_square_of(const rk_token_score *s) {
    const double change = probability_change_of(s);
    return change * change;
}

// ---- losses

static rk_loss make_loss(const rk_estimate *mean, size_t n) {
    const double perplexity = exp(mean->mean);
    return (rk_loss){.n_tokens = n,
                     .mean = mean->mean,
                     .standard_error = mean->standard_error,
                     .perplexity = perplexity,
                     .perplexity_error = perplexity * mean->standard_error,
                     .bootstrap_error = mean->bootstrap_error,
                     .perplexity_bootstrap_error = perplexity * mean->bootstrap_error};
}

static rk_status sum_loss(const summing *s, quantity of, rk_loss *out, rk_error *err) {
    rk_estimate mean;
    RK_TRY(average(s, of, &mean, err));
    *out = make_loss(&mean, s->n);
    return RK_OK;
}

rk_status rk_summarize_losses(rk_loss *out, const rk_token_score *scores, size_t n,
                              const rk_bootstrap *bootstrap, rk_error *err) {
    summing s;
    RK_TRY(summing_init(&s, scores, n, bootstrap, err));
    const rk_status status = sum_loss(&s, loss_of, out, err);
    rk__free(s.values);
    return status;
}

// ---- comparisons

double rk_divergence_share(size_t index) {
    static const double shares[RK_DIVERGENCE_PERCENTILES] = {0.5, 0.9, 0.95, 0.99, 0.999};
    return shares[index];
}

// exp(mean loss) - exp(mean base loss) moves with each token by about
// perplexity * loss - base's perplexity * base's loss.
static rk_status sum_perplexity_change(const summing *s, rk_comparison *out, rk_error *err) {
    const double ppl = out->loss.perplexity, base_ppl = out->base_loss.perplexity;
    for (size_t i = 0; i < s->n; i++) {
        s->values[i] = ppl * (s->scores[i].loss - out->loss.mean) -
                       base_ppl * (s->scores[i].base_loss - out->base_loss.mean);
    }
    RK_TRY(rk_estimate_mean(&out->perplexity_change, s->values, s->n, s->bootstrap, err));
    // The mean of the linear part is none; this keeps digits that a difference would lose.
    out->perplexity_change.mean = base_ppl * expm1(out->loss_change.mean);
    return RK_OK;
}

static rk_status sum_divergence(const summing *s, rk_comparison *out, rk_error *err) {
    RK_TRY(average(s, divergence_of, &out->divergence, err));
    rk_sort_values(s->values, s->n);
    for (size_t i = 0; i < RK_DIVERGENCE_PERCENTILES; i++) {
        out->percentiles[i] = rk_percentile(s->values, s->n, rk_divergence_share(i));
    }
    out->largest = s->values[s->n - 1];
    return RK_OK;
}

static rk_status sum_probabilities(const summing *s, rk_comparison *out, rk_error *err) {
    RK_TRY(average(s, probability_change_of, &out->probability_change, err));
    RK_TRY(average(s, probability_square_of, &out->probability_square, err));
    const double rms = sqrt(out->probability_square.mean);
    out->probability_rms = rms;
    // d sqrt(x) = dx / (2 sqrt(x))
    out->probability_rms_error = rms > 0 ? out->probability_square.standard_error / (2 * rms) : 0;
    return RK_OK;
}

static rk_status compare(const summing *s, rk_comparison *out, rk_error *err) {
    RK_TRY(sum_loss(s, loss_of, &out->loss, err));
    RK_TRY(sum_loss(s, base_loss_of, &out->base_loss, err));
    RK_TRY(average(s, loss_change_of, &out->loss_change, err));
    RK_TRY(sum_perplexity_change(s, out, err));
    RK_TRY(average(s, agreement_of, &out->agreement, err));
    RK_TRY(sum_probabilities(s, out, err));
    return sum_divergence(s, out, err);
}

rk_status rk_summarize_comparison(rk_comparison *out, const rk_token_score *scores, size_t n,
                                  const rk_bootstrap *bootstrap, rk_error *err) {
    summing s;
    RK_TRY(summing_init(&s, scores, n, bootstrap, err));
    const rk_status status = compare(&s, out, err);
    rk__free(s.values);
    return status;
}
