// Sampling settings: what is given wins over the preset, and what makes no sense is named.
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "run/sampling.h"
#include "run/token_numbers.h"

static rk_sampler_options read_options(const sampling_settings *settings, sampling *read) {
    char reason[CLI_REASON] = "";
    cr_assert(sampling_read(read, settings, reason), "%s", reason);
    return read->options;
}

Test(sampling, nothing_given_is_the_preset) {
    for (rk_preset preset = 0; preset < RK_PRESET_COUNT; preset++) {
        sampling_settings s = sampling_settings_new();
        s.preset = rk_preset_name(preset);
        sampling read;
        const rk_sampler_options o = read_options(&s, &read);
        const rk_sampler_options p = rk_sampler_preset_options(preset);
        cr_assert_eq(o.temperature, p.temperature);
        cr_assert_eq(o.top_p, p.top_p);
        cr_assert_eq(o.top_k, p.top_k);
        cr_assert_eq(o.min_p, p.min_p);
        cr_assert_eq(o.mirostat_eta, p.mirostat_eta);
        cr_assert_eq(o.presence_penalty, p.presence_penalty);
        cr_assert_eq(o.frequency_penalty, p.frequency_penalty);
        cr_assert_eq(o.penalty_decay, p.penalty_decay);
        cr_assert_eq(o.penalty_window, p.penalty_window);
        cr_assert_eq(o.penalty_scope, p.penalty_scope);
        cr_assert_eq(o.exempt_text, p.exempt_text);
        cr_assert_eq(memcmp(&o.chain, &p.chain, sizeof o.chain), 0);
        sampling_free(&read);
    }
}

Test(sampling, zero_is_given_too) {
    sampling_settings s = sampling_settings_new();
    s.preset = "llama";
    s.temp = s.top_p = s.min_p = s.penalty_decay = 0;
    s.top_k = s.penalty_window = s.seed = 0;
    s.penalty_scope = "generated";
    s.penalty_exempt = "";
    sampling read;
    const rk_sampler_options o = read_options(&s, &read);
    cr_assert_eq(o.temperature, 0);
    cr_assert_eq(o.top_p, 0);
    cr_assert_eq(o.min_p, 0);
    cr_assert_eq(o.penalty_decay, 0);
    cr_assert_eq(o.top_k, 0);
    cr_assert_eq(o.penalty_window, 0);
    cr_assert_eq(o.seed, 0);
    cr_assert_eq(o.penalty_scope, RK_PENALIZE_GENERATED);
    cr_assert_str_eq(o.exempt_text, "");
    sampling_free(&read);
}

Test(sampling, lists) {
    sampling_settings s = sampling_settings_new();
    cli_text_list_add(&s.logit_biases, "7+1.5");
    cli_text_list_add(&s.logit_biases, "8-100");
    cli_text_list_add(&s.bans, "xy");
    cli_text_list_add(&s.ban_tokens, "4294967295");
    cli_text_list_add(&s.penalty_exempt_tokens, "3");
    sampling read;
    rk_sampler_options o = read_options(&s, &read);
    cr_assert_eq(o.n_biases, 2);
    cr_assert_eq(o.biases[0].token, 7);
    cr_assert_eq(o.biases[0].bias, 1.5F);
    cr_assert_eq(o.biases[1].bias, -100.0F);
    cr_assert_eq(o.n_banned_texts, 1);
    cr_assert_eq(o.banned_texts[0].length, 2);
    cr_assert_eq(o.n_exempt, 1);
    cr_assert_eq(o.exempt[0], 3);
    sampling_ban(&read, 9);
    cr_assert_eq(read.options.n_bans, 2);
    cr_assert_eq(read.options.bans[0], UINT32_MAX);
    cr_assert_eq(read.options.bans[1], 9);
    sampling_free(&read);
    cli_text_list_free(&s.logit_biases);
    cli_text_list_free(&s.bans);
    cli_text_list_free(&s.ban_tokens);
    cli_text_list_free(&s.penalty_exempt_tokens);
}

Test(sampling, what_is_no_bias) {
    static const char *const texts[] = {
        "",     "7",      "+1",           "7+",    "7+-1", "7+x",   "7 +1",   "x7+1",
        "-7+1", "7+1e99", "4294967296+1", "7+nan", "7+1 ", "7=1.5", "1.5+1.5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rk_logit_bias bias;
        char reason[CLI_REASON] = "";
        cr_assert_not(token_read_bias(&bias, "logit-bias", texts[i], reason), "'%s'", texts[i]);
        cr_assert_not_null(strstr(reason, texts[i]), "%s", reason);
    }
}

Test(sampling, what_is_no_token) {
    static const char *const texts[] = {"", "-1", "1.0", "4294967296", "0x10", " 1", "one"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint32_t token;
        char reason[CLI_REASON] = "";
        cr_assert_not(token_read(&token, "stop-token", texts[i], reason), "'%s'", texts[i]);
        cr_assert_eq(strncmp(reason, "stop-token: ", 12), 0, "%s", reason);
    }
}
