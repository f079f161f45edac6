// From settings to the library's options.
#include "run/sampling.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "run/token_numbers.h"

sampling_settings sampling_settings_new(void) {
    return (sampling_settings){
        .seed = SAMPLING_AS_PRESET,
        .temp = NAN,
        .top_p = NAN,
        .min_p = NAN,
        .typical = NAN,
        .tfs = NAN,
        .top_a = NAN,
        .mirostat_ent = NAN,
        .mirostat_lr = NAN,
        .top_k = SAMPLING_AS_PRESET,
        .repeat_penalty = NAN,
        .presence_penalty = NAN,
        .frequency_penalty = NAN,
        .penalty_decay = NAN,
        .penalty_window = SAMPLING_AS_PRESET,
    };
}

static void set_number(double *option, double setting) {
    if (!isnan(setting)) *option = setting;
}

static void set_size(size_t *option, size_t setting) {
    if (setting != SAMPLING_AS_PRESET) *option = setting;
}

// Mirostat takes the place of the preset's own cuts; those that are given stay.
static void make_way_for_mirostat(rk_sampler_options *o, const sampling_settings *s) {
    if (!(s->mirostat_ent > 0)) return; // true for NaN
    o->top_p = 1;
    o->top_k = 0;
    o->min_p = 0;
}

static void be_greedy(rk_sampler_options *o) {
    o->temperature = 0;
    o->repetition_penalty = 1;
    o->presence_penalty = o->frequency_penalty = 0;
    o->chain = (rk_filter_chain){.filters = {RK_FILTER_TEMPERATURE}, .count = 1};
}

static void set_given(rk_sampler_options *o, const sampling_settings *s) {
    set_number(&o->temperature, s->temp);
    set_number(&o->top_p, s->top_p);
    set_size(&o->top_k, s->top_k);
    set_number(&o->min_p, s->min_p);
    set_number(&o->typical, s->typical);
    set_number(&o->tail_free, s->tfs);
    set_number(&o->top_a, s->top_a);
    set_number(&o->mirostat_tau, s->mirostat_ent);
    set_number(&o->mirostat_eta, s->mirostat_lr);
    set_number(&o->repetition_penalty, s->repeat_penalty);
    set_number(&o->presence_penalty, s->presence_penalty);
    set_number(&o->frequency_penalty, s->frequency_penalty);
    set_number(&o->penalty_decay, s->penalty_decay);
    set_size(&o->penalty_window, s->penalty_window);
    if (s->seed != SAMPLING_AS_PRESET) o->seed = s->seed;
    if (s->penalty_scope != NULL) {
        const bool all = strcmp(s->penalty_scope, "all") == 0;
        o->penalty_scope = all ? RK_PENALIZE_ALL : RK_PENALIZE_GENERATED;
    }
    if (s->penalty_exempt != NULL) o->exempt_text = s->penalty_exempt;
}

// *tokens gets an array of its own.
static bool read_tokens(uint32_t **tokens, size_t *n, const char *option, const cli_text_list *list,
                        char reason[CLI_REASON]) {
    *tokens = cli_allocate(list->count, sizeof **tokens);
    *n = list->count;
    for (size_t i = 0; i < list->count; i++) {
        if (!token_read(&(*tokens)[i], option, list->items[i], reason)) return false;
    }
    return true;
}

static bool read_lists(sampling *out, const sampling_settings *s, char reason[CLI_REASON]) {
    rk_sampler_options *o = &out->options;
    out->biases = cli_allocate(s->logit_biases.count, sizeof *out->biases);
    for (size_t i = 0; i < s->logit_biases.count; i++) {
        if (!token_read_bias(&out->biases[i], "logit-bias", s->logit_biases.items[i], reason)) {
            return false;
        }
    }
    out->banned_texts = cli_allocate(s->bans.count, sizeof *out->banned_texts);
    for (size_t i = 0; i < s->bans.count; i++) {
        out->banned_texts[i] = (rk_text){s->bans.items[i], strlen(s->bans.items[i])};
        if (out->banned_texts[i].length > 0) continue;
        snprintf(reason, CLI_REASON, "ban: an empty text");
        return false;
    }
    o->biases = out->biases;
    o->n_biases = s->logit_biases.count;
    o->banned_texts = out->banned_texts;
    o->n_banned_texts = s->bans.count;
    const bool done = read_tokens(&out->bans, &o->n_bans, "ban-token", &s->ban_tokens, reason) &&
                      read_tokens(&out->exempt, &o->n_exempt, "penalty-exempt-token",
                                  &s->penalty_exempt_tokens, reason);
    o->bans = out->bans;
    o->exempt = out->exempt;
    return done;
}

bool sampling_read(sampling *out, const sampling_settings *settings, char reason[CLI_REASON]) {
    rk_preset preset = RK_PRESET_RWKV;
    const bool known = settings->preset == NULL || rk_preset_parse(&preset, settings->preset);
    assert(known); // the option's choices are the library's presets
    (void)known;
    *out =
        (sampling){.options = rk_sampler_preset_options(preset), .preset = rk_preset_name(preset)};
    make_way_for_mirostat(&out->options, settings);
    set_given(&out->options, settings);
    rk_error err;
    if (settings->samplers != NULL &&
        rk_filter_chain_parse(&out->options.chain, settings->samplers, &err) != RK_OK) {
        snprintf(reason, CLI_REASON, "samplers: %.200s", err.message);
        return false;
    }
    if (settings->greedy) be_greedy(&out->options);
    return read_lists(out, settings, reason);
}

void sampling_free(sampling *s) {
    free(s->biases);
    free(s->bans);
    free(s->exempt);
    free(s->banned_texts);
    *s = (sampling){0};
}

void sampling_ban(sampling *s, uint32_t token) {
    const size_t n = s->options.n_bans++;
    s->bans = cli_reallocate(s->bans, n + 1, sizeof *s->bans);
    s->bans[n] = token;
    s->options.bans = s->bans;
}

// ---- in words

static void print_filter(FILE *out, const rk_sampler_options *o, rk_filter filter) {
    switch (filter) {
    case RK_FILTER_TOP_K:
        if (o->top_k > 0) fprintf(out, ", top_k %zu", o->top_k);
        break;
    case RK_FILTER_TOP_P:
        if (o->top_p < 1) fprintf(out, ", top_p %g", o->top_p);
        break;
    case RK_FILTER_MIN_P:
        if (o->min_p > 0) fprintf(out, ", min_p %g", o->min_p);
        break;
    case RK_FILTER_TYPICAL:
        if (o->typical > 0 && o->typical < 1) fprintf(out, ", typical %g", o->typical);
        break;
    case RK_FILTER_TAIL_FREE:
        if (o->tail_free > 0 && o->tail_free < 1) fprintf(out, ", tail_free %g", o->tail_free);
        break;
    case RK_FILTER_TOP_A:
        if (o->top_a > 0) fprintf(out, ", top_a %g", o->top_a);
        break;
    case RK_FILTER_TEMPERATURE:
        fprintf(out, ", temperature %g", o->temperature);
        break;
    case RK_FILTER_MIROSTAT:
        if (o->mirostat_tau > 0) {
            fprintf(out, ", mirostat %g %g", o->mirostat_tau, o->mirostat_eta);
        }
        break;
    case RK_FILTER_COUNT:
        break;
    }
}

static void print_penalties(FILE *out, const rk_sampler_options *o) {
    const bool repetition = o->repetition_penalty != 0 && o->repetition_penalty != 1;
    if (repetition) fprintf(out, ", repetition %g", o->repetition_penalty);
    if (o->presence_penalty != 0) fprintf(out, ", presence %g", o->presence_penalty);
    if (o->frequency_penalty != 0) fprintf(out, ", frequency %g", o->frequency_penalty);
    if (o->frequency_penalty != 0 && o->penalty_decay != 1) {
        fprintf(out, ", decay %g", o->penalty_decay);
    }
    if (!repetition && o->presence_penalty == 0 && o->frequency_penalty == 0) return;
    if (o->penalty_window > 0) fprintf(out, ", window %zu", o->penalty_window);
    if (o->penalty_scope == RK_PENALIZE_ALL) fputs(", prompt counted", out);
}

void sampling_print(FILE *out, const sampling *s, uint64_t seed) {
    const rk_sampler_options *o = &s->options;
    fputs(s->preset, out);
    if (o->n_biases > 0) fprintf(out, ", %zu biases", o->n_biases);
    print_penalties(out, o);
    if (o->n_bans + o->n_banned_texts > 0) {
        fprintf(out, ", %zu bans", o->n_bans + o->n_banned_texts);
    }
    for (size_t i = 0; i < o->chain.count; i++) print_filter(out, o, o->chain.filters[i]);
    fprintf(out, ", seed %" PRIu64, seed);
}
