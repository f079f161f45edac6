// Filters and presets on fixed logits, against what an independent script says
// (tests/data/sampler/make_expected.py).
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/sampler.h"

enum { MAX_LINE = 2048, MAX_TOKENS = 64, MAX_LIST = 8 };

// One case of the file.
typedef struct expectation {
    char name[128];
    rk_sampler_options options;
    rk_logit_bias biases[MAX_LIST];
    uint32_t bans[MAX_LIST], exempt[MAX_LIST];
    uint32_t came[MAX_TOKENS];
    size_t n_came, n;
    float logits[MAX_TOKENS];
    double p[MAX_TOKENS];
} expectation;

static bool set_number(rk_sampler_options *o, const char *key, double value) {
    const struct {
        const char *key;
        double *place;
    } places[] = {{"temperature", &o->temperature},
                  {"top_p", &o->top_p},
                  {"min_p", &o->min_p},
                  {"typical", &o->typical},
                  {"tail_free", &o->tail_free},
                  {"top_a", &o->top_a},
                  {"mirostat_tau", &o->mirostat_tau},
                  {"repetition_penalty", &o->repetition_penalty},
                  {"presence_penalty", &o->presence_penalty},
                  {"frequency_penalty", &o->frequency_penalty},
                  {"penalty_decay", &o->penalty_decay}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(key, places[i].key) != 0) continue;
        *places[i].place = value;
        return true;
    }
    return false;
}

static void set(expectation *e, const char *key, const char *value) {
    rk_sampler_options *o = &e->options;
    if (strcmp(key, "preset") == 0) {
        rk_preset preset;
        cr_assert(rk_preset_parse(&preset, value));
        *o = rk_sampler_preset_options(preset);
    } else if (strcmp(key, "chain") == 0) {
        cr_assert_eq(rk_filter_chain_parse(&o->chain, value, NULL), RK_OK);
    } else if (strcmp(key, "top_k") == 0) {
        o->top_k = strtoul(value, NULL, 10);
    } else if (strcmp(key, "penalty_window") == 0) {
        o->penalty_window = strtoul(value, NULL, 10);
    } else if (strcmp(key, "bans") == 0) {
        e->bans[o->n_bans++] = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(key, "exempt") == 0) {
        e->exempt[o->n_exempt++] = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(key, "bias") == 0) {
        char *end;
        const uint32_t token = (uint32_t)strtoul(value, &end, 10);
        e->biases[o->n_biases++] = (rk_logit_bias){token, strtof(end, NULL)};
    } else {
        cr_assert(set_number(o, key, strtod(value, NULL)), "unknown setting %s", key);
    }
}

static size_t read_numbers(const char *text, double *numbers) {
    size_t n = 0;
    for (char *end;; text = end) {
        const double number = strtod(text, &end);
        if (end == text) return n;
        cr_assert_lt(n, MAX_TOKENS);
        numbers[n++] = number;
    }
}

// Reads up to the case's last line. False at the end of the file.
static bool read_case(FILE *file, expectation *e) {
    char line[MAX_LINE], key[64];
    double numbers[MAX_TOKENS];
    *e = (expectation){.n = 0};
    while (fgets(line, sizeof line, file)) {
        int at = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "case %127[^\n]", e->name) == 1) continue;
        if (sscanf(line, "set %63s %n", key, &at) == 1) {
            set(e, key, line + at);
        } else if (strncmp(line, "accept ", 7) == 0) {
            e->n_came = read_numbers(line + 7, numbers);
            for (size_t i = 0; i < e->n_came; i++) e->came[i] = (uint32_t)numbers[i];
        } else if (strncmp(line, "logits ", 7) == 0) {
            e->n = read_numbers(line + 7, numbers);
            for (size_t i = 0; i < e->n; i++) e->logits[i] = (float)numbers[i];
        } else {
            cr_assert_eq(strncmp(line, "p ", 2), 0, "%s", line);
            cr_assert_eq(read_numbers(line + 2, e->p), e->n);
            return true;
        }
    }
    return false;
}

static void check_case(const expectation *e) {
    rk_sampler_options options = e->options;
    options.biases = e->biases;
    options.bans = e->bans;
    options.exempt = e->exempt;
    rk_sampler *sampler;
    rk_error err = {0};
    uint32_t token;
    cr_assert_eq(rk_sampler_new(&sampler, e->n, &options, &err), RK_OK, "%s", err.message);
    for (size_t i = 0; i < e->n_came; i++) {
        cr_assert_eq(rk_sampler_accept(sampler, e->came[i], &err), RK_OK, "%s", err.message);
    }
    cr_assert_eq(rk_sampler_draw(sampler, e->logits, &token, &err), RK_OK, "%s", err.message);
    cr_assert_gt(e->p[token], 0, "%s: token %u was drawn", e->name, (unsigned)token);
    for (size_t i = 0; i < e->n; i++) {
        const double found = (double)rk_sampler_probabilities(sampler)[i];
        cr_assert(fabs(found - e->p[i]) <= 2e-6 * e->p[i] + (double)FLT_MIN,
                  "%s: token %zu has %.9g instead of %.9g", e->name, i, found, e->p[i]);
    }
    rk_sampler_free(&sampler);
}

Test(sampler_expected, every_case_of_the_script) {
    static expectation e;
    size_t n_cases = 0;
    FILE *file = fopen(RK_TEST_DATA "/sampler/expected.txt", "r");
    cr_assert_not_null(file);
    for (; read_case(file, &e); n_cases++) check_case(&e);
    cr_assert_eq(fclose(file), 0);
    cr_assert_geq(n_cases, 200, "%zu cases", n_cases);
}
