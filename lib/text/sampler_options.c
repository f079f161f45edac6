// A sampler's settings: names, presets, and which numbers make sense.
#include "text/sampler_internal.h"

#include <math.h>
#include <string.h>

static const char *const filter_names[] = {
#define FILTER_NAME(name, text) text,
    RK_FILTER_LIST(FILTER_NAME)
#undef FILTER_NAME
};

// Every preset knows every filter, so that any setting has an effect; what the program that it
// follows does not have is off, and stands where it disturbs the others least.
static const struct {
    const char *name;
    rk_filter_chain chain;
} presets[RK_PRESET_COUNT] = {
    [RK_PRESET_RWKV] = {"rwkv",
                        {{RK_FILTER_TOP_P, RK_FILTER_TOP_K, RK_FILTER_TYPICAL, RK_FILTER_TAIL_FREE,
                          RK_FILTER_MIN_P, RK_FILTER_TOP_A, RK_FILTER_TEMPERATURE,
                          RK_FILTER_MIROSTAT},
                         RK_FILTER_COUNT}},
    [RK_PRESET_LLAMA] = {"llama",
                         {{RK_FILTER_TOP_K, RK_FILTER_TAIL_FREE, RK_FILTER_TYPICAL, RK_FILTER_TOP_P,
                           RK_FILTER_MIN_P, RK_FILTER_TOP_A, RK_FILTER_TEMPERATURE,
                           RK_FILTER_MIROSTAT},
                          RK_FILTER_COUNT}},
    [RK_PRESET_HF] = {"hf",
                      {{RK_FILTER_TEMPERATURE, RK_FILTER_TOP_K, RK_FILTER_TOP_P, RK_FILTER_MIN_P,
                        RK_FILTER_TYPICAL, RK_FILTER_TAIL_FREE, RK_FILTER_TOP_A,
                        RK_FILTER_MIROSTAT},
                       RK_FILTER_COUNT}},
};

const char *rk_preset_name(rk_preset preset) {
    return presets[preset].name;
}

const char *rk_filter_name(rk_filter filter) {
    return filter_names[filter];
}

bool rk_preset_parse(rk_preset *out, const char *name) {
    for (size_t i = 0; i < RK_PRESET_COUNT; i++) {
        if (strcmp(name, presets[i].name) != 0) continue;
        *out = (rk_preset)i;
        return true;
    }
    return false;
}

rk_sampler_options rk_sampler_preset_options(rk_preset preset) {
    rk_sampler_options o = {.temperature = 1,
                            .top_p = 1,
                            .chain = presets[preset].chain,
                            .mirostat_eta = 0.1,
                            .repetition_penalty = 1,
                            .penalty_decay = 1};
    switch (preset) {
    case RK_PRESET_LLAMA:
        o.temperature = 0.8;
        o.top_k = 40;
        o.top_p = 0.95;
        o.min_p = 0.05;
        o.penalty_window = 64;
        o.penalty_scope = RK_PENALIZE_ALL;
        break;
    case RK_PRESET_HF:
        o.top_k = 50;
        o.penalty_scope = RK_PENALIZE_ALL;
        break;
    case RK_PRESET_RWKV:
    case RK_PRESET_COUNT:
        o.top_p = 0.85;
        o.presence_penalty = 0.2;
        o.frequency_penalty = 0.2;
        o.penalty_decay = 0.996;
        o.exempt_text = " \t0123456789";
        break;
    }
    return o;
}

rk_sampler_options rk_sampler_defaults(void) {
    return rk_sampler_preset_options(RK_PRESET_RWKV);
}

// ---- chains

static bool find_filter(rk_filter *out, const char *name, size_t length) {
    for (size_t i = 0; i < RK_FILTER_COUNT; i++) {
        if (strlen(filter_names[i]) != length || memcmp(filter_names[i], name, length) != 0) {
            continue;
        }
        *out = (rk_filter)i;
        return true;
    }
    return false;
}

static rk_status append_filter(rk_filter_chain *chain, const char *name, size_t length,
                               rk_error *err) {
    rk_filter filter;
    if (!find_filter(&filter, name, length)) {
        return rk__fail(err, RK_ERR_ARGUMENT, "no sampling filter is called '%.*s'",
                        length < 40 ? (int)length : 40, name);
    }
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->filters[i] != filter) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "the filter %s comes twice", filter_names[filter]);
    }
    chain->filters[chain->count++] = filter;
    return RK_OK;
}

rk_status rk_filter_chain_parse(rk_filter_chain *out, const char *text, rk_error *err) {
    rk_filter_chain chain = {.count = 0};
    for (const char *at = text;;) {
        const size_t length = strcspn(at, ";,");
        RK_TRY(append_filter(&chain, at, length, err));
        if (at[length] == '\0') break;
        at += length + 1;
    }
    *out = chain;
    return RK_OK;
}

// ---- checks

static rk_status check_number(const char *name, double value, double least, double most,
                              rk_error *err) {
    if (value >= least && value <= most) return RK_OK; // false for NaN
    if (most < HUGE_VAL) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "sampler: %s is %g; a number from %g to %g is expected", name, value, least,
                        most);
    }
    return rk__fail(err, RK_ERR_ARGUMENT, "sampler: %s is %g; a number from %g on is expected",
                    name, value, least);
}

static rk_status check_chain(const rk_filter_chain *chain, rk_error *err) {
    bool there[RK_FILTER_COUNT] = {false};
    if (chain->count > RK_FILTER_COUNT) {
        return rk__fail(err, RK_ERR_ARGUMENT, "sampler: a chain of %zu filters; there are %d",
                        chain->count, RK_FILTER_COUNT);
    }
    for (size_t i = 0; i < chain->count; i++) {
        const unsigned filter = (unsigned)chain->filters[i];
        if (filter >= RK_FILTER_COUNT || there[filter]) {
            return rk__fail(err, RK_ERR_ARGUMENT,
                            "sampler: filter %u of the chain is unknown or comes twice", filter);
        }
        there[filter] = true;
    }
    return RK_OK;
}

rk_status rk__sampler_options_check(const rk_sampler_options *options, rk_error *err) {
    static const double any = 1.7976931348623157e308; // finite
    enum { MAX_WINDOW = 1 << 24 };
    const struct {
        const char *name;
        double value, least, most;
    } numbers[] = {
        {"temperature", options->temperature, 0, any},
        {"top_p", options->top_p, 0, any},
        {"min_p", options->min_p, 0, 1},
        {"typical", options->typical, 0, any},
        {"tail_free", options->tail_free, 0, any},
        {"top_a", options->top_a, 0, any},
        {"mirostat_tau", options->mirostat_tau, 0, any},
        {"mirostat_eta", options->mirostat_eta, 0, any},
        {"repetition_penalty", options->repetition_penalty, 0, any},
        {"presence_penalty", options->presence_penalty, -any, any},
        {"frequency_penalty", options->frequency_penalty, -any, any},
        {"penalty_decay", options->penalty_decay, 0, 1},
        {"penalty_window", (double)options->penalty_window, 0, MAX_WINDOW},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        RK_TRY(check_number(numbers[i].name, numbers[i].value, numbers[i].least, numbers[i].most,
                            err));
    }
    for (size_t i = 0; i < options->n_biases; i++) {
        if (isfinite(options->biases[i].bias)) continue;
        return rk__fail(err, RK_ERR_ARGUMENT, "sampler: the bias of token %u is %g",
                        (unsigned)options->biases[i].token, (double)options->biases[i].bias);
    }
    return check_chain(&options->chain, err);
}
