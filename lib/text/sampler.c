// The sampler: logits are changed, a chain of filters thins the candidates, one number picks.
#include "text/sampler_internal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "text/filters.h"

// ---- settings

static void settings_fini(rk__sampler_settings *settings) {
    rk__free(settings->biases);
    rk__token_rules_fini(&settings->rules);
    *settings = (rk__sampler_settings){0};
}

static rk_status copy_biases(rk__sampler_settings *settings, size_t n_vocab, rk_error *err) {
    const rk_sampler_options *options = &settings->options;
    RK_TRY(
        rk__alloc((void **)&settings->biases, options->n_biases, sizeof options->biases[0], err));
    for (size_t i = 0; i < options->n_biases; i++) {
        if (options->biases[i].token >= n_vocab) {
            return rk__fail(err, RK_ERR_RANGE, "sampler: a bias for token %u; there are %zu",
                            (unsigned)options->biases[i].token, n_vocab);
        }
        settings->biases[i] = options->biases[i];
    }
    return RK_OK;
}

static rk_status settings_init(rk__sampler_settings *settings, size_t n_vocab,
                               const rk_sampler_options *options, rk_error *err) {
    *settings = (rk__sampler_settings){.options = *options};
    RK_TRY(rk__sampler_options_check(options, err));
    if (options->chain.count == 0) settings->options.chain = rk_sampler_defaults().chain;
    rk_status status = copy_biases(settings, n_vocab, err);
    if (status == RK_OK) {
        status = rk__token_rules_init(&settings->rules, n_vocab, options, err);
    }
    if (status != RK_OK) settings_fini(settings);
    return status;
}

// ---- life

static rk_status alloc_parts(rk_sampler *s, const rk_sampler_options *options, rk_error *err) {
    RK_TRY(settings_init(&s->settings, s->n_vocab, options, err));
    RK_TRY(rk__alloc((void **)&s->logits, s->n_vocab, sizeof(float), err));
    RK_TRY(rk__alloc((void **)&s->probabilities, s->n_vocab, sizeof(float), err));
    RK_TRY(rk__token_counts_init(&s->counts, s->n_vocab, options->penalty_window, err));
    return rk__candidates_init(&s->candidates, s->n_vocab, err);
}

rk_status rk_sampler_new(rk_sampler **out, size_t n_vocab, const rk_sampler_options *options,
                         rk_error *err) {
    *out = NULL;
    const rk_sampler_options wanted = options ? *options : rk_sampler_defaults();
    if (n_vocab == 0 || n_vocab - 1 > UINT32_MAX) {
        return rk__fail(err, RK_ERR_ARGUMENT, "sampler: a vocabulary of %zu tokens", n_vocab);
    }
    rk_sampler *sampler;
    RK_TRY(rk__alloc((void **)&sampler, 1, sizeof *sampler, err));
    sampler->n_vocab = n_vocab;
    sampler->random.seed = wanted.seed;
    const rk_status status = alloc_parts(sampler, &wanted, err);
    if (status != RK_OK) rk_sampler_free(&sampler);
    *out = sampler;
    return status;
}

void rk_sampler_free(rk_sampler **sampler) {
    rk_sampler *s = *sampler;
    *sampler = NULL;
    if (!s) return;
    settings_fini(&s->settings);
    rk__token_counts_fini(&s->counts);
    rk__candidates_fini(&s->candidates);
    rk__free(s->logits);
    rk__free(s->probabilities);
    rk__free(s);
}

rk_status rk_sampler_configure(rk_sampler *sampler, const rk_sampler_options *options,
                               rk_error *err) {
    rk__sampler_settings settings;
    rk__token_counts counts = {0};
    RK_TRY(settings_init(&settings, sampler->n_vocab, options, err));
    if (options->penalty_window != sampler->counts.window) {
        const rk_status status =
            rk__token_counts_init(&counts, sampler->n_vocab, options->penalty_window, err);
        if (status != RK_OK) {
            settings_fini(&settings);
            return status;
        }
        rk__token_counts_fini(&sampler->counts);
        sampler->counts = counts;
    }
    const rk__token_rules *old = &sampler->settings.rules;
    rk__token_rules_append(&settings.rules, old->tail, old->n_tail);
    settings_fini(&sampler->settings);
    sampler->settings = settings;
    if (options->seed != sampler->random.seed) sampler->random = (rk__random){options->seed, 0};
    return RK_OK;
}

size_t rk_sampler_vocabulary(const rk_sampler *sampler) {
    return sampler->n_vocab;
}

uint64_t rk_sampler_counter(const rk_sampler *sampler) {
    return sampler->random.counter;
}

uint64_t rk_sampler_seed(const rk_sampler *sampler) {
    return sampler->random.seed;
}

void rk_sampler_set_generator(rk_sampler *sampler, uint64_t seed, uint64_t counter) {
    sampler->random = (rk__random){.seed = seed, .counter = counter};
}

// ---- drawing

static void penalize(const rk__token_counts *counts, const rk_sampler_options *options,
                     float *logits) {
    const double repetition =
        options->repetition_penalty > 0 ? options->repetition_penalty : 1; // 0: off, too
    for (size_t i = 0; i < counts->n_entries; i++) {
        const rk__token_count *entry = &counts->entries[i];
        double logit = (double)logits[entry->token];
        logit = logit > 0 ? logit / repetition : logit * repetition;
        logit -= options->presence_penalty + entry->count * options->frequency_penalty;
        logits[entry->token] = (float)logit;
    }
}

// Biases, bans, penalties. The penalty of a banned token leaves it banned: -infinity minus a number
// is -infinity.
static void adjust(rk_sampler *s, const float *logits) {
    const rk_sampler_options *options = &s->settings.options;
    memcpy(s->logits, logits, s->n_vocab * sizeof logits[0]);
    for (size_t i = 0; i < options->n_biases; i++) {
        s->logits[s->settings.biases[i].token] += s->settings.biases[i].bias;
    }
    penalize(&s->counts, options, s->logits);
}

static void apply(rk_sampler *s, rk_filter filter) {
    const rk_sampler_options *o = &s->settings.options;
    switch (filter) {
    case RK_FILTER_TOP_K:
        rk__filter_top_k(&s->candidates, o->top_k);
        break;
    case RK_FILTER_TOP_P:
        rk__filter_top_p(&s->candidates, o->top_p);
        break;
    case RK_FILTER_MIN_P:
        if (o->min_p > 0) rk__filter_min_p(&s->candidates, o->min_p);
        break;
    case RK_FILTER_TYPICAL:
        rk__filter_typical(&s->candidates, o->typical);
        break;
    case RK_FILTER_TAIL_FREE:
        rk__filter_tail_free(&s->candidates, o->tail_free);
        break;
    case RK_FILTER_TOP_A:
        if (o->top_a > 0) rk__filter_top_a(&s->candidates, o->top_a);
        break;
    case RK_FILTER_TEMPERATURE:
        rk__filter_temperature(&s->candidates, o->temperature);
        break;
    case RK_FILTER_MIROSTAT:
        if (o->mirostat_tau > 0) {
            rk__filter_surprise(&s->candidates, s->mu_known ? s->mu : 2 * o->mirostat_tau);
        }
        break;
    case RK_FILTER_COUNT:
        break;
    }
}

// Top-k looks at weights alone: where it comes first, only what it keeps needs probabilities.
static void run_chain(rk_sampler *s) {
    const rk_filter_chain *chain = &s->settings.options.chain;
    const bool is_neutral = s->settings.options.temperature == 1;
    size_t i = 0;
    for (; i < chain->count; i++) {
        const rk_filter filter = chain->filters[i];
        if (filter != RK_FILTER_TOP_K && !(filter == RK_FILTER_TEMPERATURE && is_neutral)) break;
        apply(s, filter);
    }
    rk__candidates_softmax(&s->candidates);
    for (; i < chain->count; i++) apply(s, chain->filters[i]);
}

// Only the last draw's candidates can have left anything in the array; clearing those alone keeps a
// draw from a large vocabulary cheap.
static void clear_probabilities(rk_sampler *sampler) {
    const rk__candidates *candidates = &sampler->candidates;
    for (size_t i = 0; i < candidates->count; i++) {
        sampler->probabilities[candidates->items[i].token] = 0;
    }
}

static void set_probabilities(rk_sampler *sampler) {
    const rk__candidates *candidates = &sampler->candidates;
    for (size_t i = 0; i < candidates->count; i++) {
        sampler->probabilities[candidates->items[i].token] = (float)candidates->items[i].p;
    }
}

// The first logit that cannot be used, as it came: a ban must not hide that a model is broken.
static rk_status check_logits(const float *logits, size_t n, rk_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (logits[i] < INFINITY) continue; // false for NaN
        return rk__fail(err, RK_ERR_RANGE, "the logit of token %zu is %s", i,
                        isnan(logits[i]) ? "NaN" : "infinite");
    }
    return RK_OK;
}

rk_status rk_sampler_draw(rk_sampler *sampler, const float *logits, uint32_t *token,
                          rk_error *err) {
    clear_probabilities(sampler);
    sampler->candidates.count = 0;
    sampler->has_drawn = false;
    RK_TRY(check_logits(logits, sampler->n_vocab, err));
    adjust(sampler, logits);
    rk__token_rules_ban(&sampler->settings.rules, sampler->logits);
    RK_TRY(rk__candidates_load(&sampler->candidates, sampler->logits, err));
    run_chain(sampler);
    set_probabilities(sampler);
    // A greedy draw takes its number too: the n-th draw has the n-th number, whatever the settings
    // were.
    *token = rk__candidates_pick(&sampler->candidates, rk__random_uniform(&sampler->random));
    sampler->has_drawn = true;
    sampler->drawn = *token;
    return RK_OK;
}

const float *rk_sampler_probabilities(const rk_sampler *sampler) {
    return sampler->probabilities;
}

// ---- what comes

// After a token of probability p among the candidates, the bound moves towards the target.
static void learn_surprise(rk_sampler *s, uint32_t token) {
    const rk_sampler_options *o = &s->settings.options;
    if (!s->has_drawn || s->drawn != token || o->mirostat_tau == 0) return;
    const double surprise = -log2((double)s->probabilities[token]);
    if (!s->mu_known) s->mu = 2 * o->mirostat_tau;
    s->mu_known = true;
    s->mu -= o->mirostat_eta * (surprise - o->mirostat_tau);
}

static rk_status check_token(const rk_sampler *s, uint32_t token, rk_error *err) {
    if (token < s->n_vocab) return RK_OK;
    return rk__fail(err, RK_ERR_RANGE, "sampler: token %u; there are %zu", (unsigned)token,
                    s->n_vocab);
}

static rk_status count(rk_sampler *s, uint32_t token, rk_error *err) {
    return rk__token_counts_add(&s->counts, token, s->settings.rules.exempt[token],
                                s->settings.options.penalty_decay, err);
}

rk_status rk_sampler_accept(rk_sampler *sampler, uint32_t token, rk_error *err) {
    RK_TRY(check_token(sampler, token, err));
    RK_TRY(count(sampler, token, err));
    rk__token_rules_accept(&sampler->settings.rules, token);
    learn_surprise(sampler, token);
    sampler->has_drawn = false;
    return RK_OK;
}

rk_status rk_sampler_observe(rk_sampler *sampler, const uint32_t *tokens, size_t n_tokens,
                             rk_error *err) {
    for (size_t i = 0; i < n_tokens; i++) RK_TRY(check_token(sampler, tokens[i], err));
    rk__token_rules_forget(&sampler->settings.rules);
    sampler->has_drawn = false;
    if (sampler->settings.options.penalty_scope != RK_PENALIZE_ALL) return RK_OK;
    for (size_t i = 0; i < n_tokens; i++) RK_TRY(count(sampler, tokens[i], err));
    return RK_OK;
}

void rk_sampler_reset(rk_sampler *sampler) {
    rk__token_counts_clear(&sampler->counts);
    rk__token_rules_forget(&sampler->settings.rules);
    sampler->mu_known = false;
    sampler->has_drawn = false;
}
