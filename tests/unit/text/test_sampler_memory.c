// What a sampler knows about tokens that came: windows, exemptions, banned texts, mirostat, and all
// of it as bytes.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rk/sampler.h"
#include "test_numbers.h"

enum { N = 256 };

static rk_sampler *make(const rk_sampler_options *options) {
    rk_sampler *sampler;
    rk_error err = {0};
    cr_assert_eq(rk_sampler_new(&sampler, N, options, &err), RK_OK, "%s", err.message);
    return sampler;
}

static uint32_t draw(rk_sampler *sampler, const float *logits) {
    uint32_t token;
    rk_error err = {0};
    cr_assert_eq(rk_sampler_draw(sampler, logits, &token, &err), RK_OK, "%s", err.message);
    return token;
}

static void fill(float *logits, test_numbers *numbers) {
    for (size_t i = 0; i < N; i++) logits[i] = (float)(2 * test_normal(numbers));
}

// With everything on that has a memory.
static rk_sampler_options with_memory(const rk_tokenizer *bytes, size_t window) {
    static const rk_text banned = {"abcd", 4};
    rk_sampler_options o = rk_sampler_defaults();
    o.tokenizer = bytes;
    o.penalty_window = window;
    o.mirostat_tau = 4;
    o.banned_texts = &banned;
    o.n_banned_texts = 1;
    o.repetition_penalty = 1.1;
    o.seed = 99;
    return o;
}

static void draw_and_accept(rk_sampler *sampler, test_numbers *numbers, size_t n, uint32_t *out) {
    float logits[N];
    for (size_t i = 0; i < n; i++) {
        fill(logits, numbers);
        out[i] = draw(sampler, logits);
        cr_assert_eq(rk_sampler_accept(sampler, out[i], NULL), RK_OK);
    }
}

Test(sampler_memory, goes_on_from_its_bytes) {
    enum { BEFORE = 150, AFTER = 100 };
    static const size_t windows[] = {0, 1, 16, 1000};
    rk_tokenizer *bytes;
    cr_assert_eq(rk_tokenizer_open(&bytes, N, NULL), RK_OK);
    for (size_t w = 0; w < 4; w++) {
        const rk_sampler_options o = with_memory(bytes, windows[w]);
        rk_sampler *one = make(&o), *other = make(&o);
        test_numbers numbers = {w}, copy;
        uint32_t expected[BEFORE + AFTER], found[AFTER];
        draw_and_accept(one, &numbers, BEFORE, expected);
        cr_assert_eq(rk_sampler_accept(one, 'a', NULL), RK_OK); // a banned text has begun
        const size_t size = rk_sampler_state_bytes(one);
        unsigned char *state = malloc(size);
        cr_assert_eq(rk_sampler_export(one, state, size, NULL), RK_OK);
        copy = numbers;
        draw_and_accept(one, &numbers, AFTER, expected);

        rk_error err = {0};
        cr_assert_eq(rk_sampler_import(other, state, size, &err), RK_OK, "%s", err.message);
        cr_assert_eq(rk_sampler_counter(other), BEFORE);
        draw_and_accept(other, &copy, AFTER, found);
        cr_assert_eq(memcmp(expected, found, sizeof found), 0, "window %zu", windows[w]);
        cr_assert_eq(rk_sampler_state_bytes(one), rk_sampler_state_bytes(other));
        cr_assert_eq(rk_sampler_export(one, state, size - 1, NULL), RK_ERR_SHAPE);
        free(state);
        rk_sampler_free(&one);
        rk_sampler_free(&other);
    }
    rk_tokenizer_close(&bytes);
}

Test(sampler_memory, damaged_bytes_are_refused) {
    rk_tokenizer *bytes;
    cr_assert_eq(rk_tokenizer_open(&bytes, N, NULL), RK_OK);
    const rk_sampler_options o = with_memory(bytes, 16);
    rk_sampler *sampler = make(&o);
    test_numbers numbers = {3};
    uint32_t drawn[40];
    draw_and_accept(sampler, &numbers, 40, drawn);
    const size_t size = rk_sampler_state_bytes(sampler);
    unsigned char *state = malloc(size), *after = malloc(size);
    cr_assert_eq(rk_sampler_export(sampler, state, size, NULL), RK_OK);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit += 3) {
            state[i] ^= (unsigned char)(1 << bit);
            cr_assert_neq(rk_sampler_import(sampler, state, size, NULL), RK_OK, "byte %zu", i);
            state[i] ^= (unsigned char)(1 << bit);
        }
        cr_assert_neq(rk_sampler_import(sampler, state, i, NULL), RK_OK, "%zu bytes", i);
    }
    cr_assert_eq(rk_sampler_export(sampler, after, size, NULL), RK_OK);
    cr_assert_eq(memcmp(state, after, size), 0, "a refused state has changed the sampler");

    rk_error err = {0};
    rk_sampler_options other = o;
    other.penalty_window = 17;
    rk_sampler *another = make(&other);
    cr_assert_eq(rk_sampler_import(another, state, size, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, "window of 16"), "%s", err.message);
    rk_sampler_free(&another);
    free(state);
    free(after);
    rk_sampler_free(&sampler);
    rk_tokenizer_close(&bytes);
}

// One penalized draw from equal logits tells every token's penalty.
static double penalty_of(rk_sampler *sampler, uint32_t token, uint32_t untouched) {
    static const float equal[N];
    draw(sampler, equal);
    const float *p = rk_sampler_probabilities(sampler);
    return -log((double)p[token] / (double)p[untouched]);
}

Test(sampler_memory, a_window_forgets) {
    rk_sampler_options o = rk_sampler_defaults();
    o.top_p = 1;
    o.penalty_window = 3;
    o.penalty_decay = 0.5;
    o.presence_penalty = 1;
    o.frequency_penalty = 0.25;
    rk_sampler *sampler = make(&o);
    static const uint32_t came[] = {5, 5, 6, 5};
    for (size_t i = 0; i < 4; i++) cr_assert_eq(rk_sampler_accept(sampler, came[i], NULL), RK_OK);
    // Of 5: the last one counts 1, the one two tokens before it 1/4; the first has left.
    cr_assert_float_eq(penalty_of(sampler, 5, 0), 1 + 0.25 * 1.25, 1e-5);
    cr_assert_float_eq(penalty_of(sampler, 6, 0), 1 + 0.25 * 0.5, 1e-5);
    for (int i = 0; i < 3; i++) cr_assert_eq(rk_sampler_accept(sampler, 7, NULL), RK_OK);
    cr_assert_float_eq(penalty_of(sampler, 5, 0), 0, 1e-5);
    cr_assert_float_eq(penalty_of(sampler, 7, 0), 1 + 0.25 * 1.75, 1e-5);
    rk_sampler_reset(sampler);
    cr_assert_float_eq(penalty_of(sampler, 7, 0), 0, 1e-5);
    rk_sampler_free(&sampler);
}

Test(sampler_memory, prompts_count_where_they_should) {
    for (int all = 0; all < 2; all++) {
        rk_sampler_options o = rk_sampler_defaults();
        o.top_p = 1;
        o.penalty_scope = all ? RK_PENALIZE_ALL : RK_PENALIZE_GENERATED;
        rk_sampler *sampler = make(&o);
        cr_assert_eq(rk_sampler_observe(sampler, (const uint32_t[]){8, 9}, 2, NULL), RK_OK);
        cr_assert_float_eq(penalty_of(sampler, 9, 0), all ? 0.4 : 0, 1e-5);
        rk_sampler_free(&sampler);
    }
}

Test(sampler_memory, a_banned_text_never_comes) {
    static const rk_text banned[] = {{"aab", 3}, {"ba", 2}, {"zz", 2}};
    rk_tokenizer *bytes;
    cr_assert_eq(rk_tokenizer_open(&bytes, N, NULL), RK_OK);
    rk_sampler_options o = {.temperature = 1, .top_p = 1, .tokenizer = bytes, .seed = 5};
    o.banned_texts = banned;
    o.n_banned_texts = 3;
    rk_sampler *sampler = make(&o);
    char text[4000];
    float logits[N];
    for (size_t i = 0; i < N; i++) logits[i] = -INFINITY;
    logits['a'] = logits['b'] = logits['z'] = 0;
    size_t count_a = 0;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)draw(sampler, logits);
        count_a += text[i] == 'a';
        cr_assert_eq(rk_sampler_accept(sampler, (unsigned char)text[i], NULL), RK_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        cr_assert_null(memmem(text, sizeof text, banned[i].bytes, banned[i].length));
    }
    cr_assert_not_null(memmem(text, sizeof text, "ab", 2), "more is banned than should be");
    cr_assert(count_a > 500, "%zu of the text are a", count_a);
    rk_sampler_free(&sampler);
    rk_tokenizer_close(&bytes);
}

Test(sampler_memory, mirostat_keeps_the_surprise_near_its_target) {
    static const double taus[] = {2, 4};
    for (size_t t = 0; t < 2; t++) {
        const rk_sampler_options o = {
            .temperature = 1, .top_p = 1, .mirostat_tau = taus[t], .mirostat_eta = 0.1};
        rk_sampler *sampler = make(&o);
        test_numbers numbers = {17};
        float logits[N];
        double sum = 0;
        for (int i = 0; i < 3000; i++) {
            fill(logits, &numbers);
            const uint32_t token = draw(sampler, logits);
            sum -= log2((double)rk_sampler_probabilities(sampler)[token]);
            cr_assert_eq(rk_sampler_accept(sampler, token, NULL), RK_OK);
        }
        cr_assert_float_eq(sum / 3000, taus[t], 0.05, "%g bits instead of %g", sum / 3000, taus[t]);
        rk_sampler_free(&sampler);
    }
}

Test(sampler_memory, other_settings_keep_what_came) {
    rk_sampler_options o = rk_sampler_defaults();
    o.top_p = 1;
    rk_sampler *sampler = make(&o);
    cr_assert_eq(rk_sampler_accept(sampler, 3, NULL), RK_OK);
    static const float equal[N];
    draw(sampler, equal);
    o.presence_penalty = 2;
    cr_assert_eq(rk_sampler_configure(sampler, &o, NULL), RK_OK);
    const double penalty = penalty_of(sampler, 3, 0); // Criterion's macros evaluate twice
    cr_assert_float_eq(penalty, 2.2, 1e-5);
    cr_assert_eq(rk_sampler_counter(sampler), 2);
    o.seed = 12;
    cr_assert_eq(rk_sampler_configure(sampler, &o, NULL), RK_OK);
    cr_assert_eq(rk_sampler_counter(sampler), 0);
    o.temperature = NAN;
    cr_assert_eq(rk_sampler_configure(sampler, &o, NULL), RK_ERR_ARGUMENT);
    cr_assert_float_eq(penalty_of(sampler, 3, 0), 2.2, 1e-5);
    rk_sampler_free(&sampler);
}

static void check_refused(const rk_sampler_options *options, rk_status status, const char *part) {
    rk_sampler *sampler;
    rk_error err = {0};
    cr_assert_eq(rk_sampler_new(&sampler, N, options, &err), status);
    cr_assert_null(sampler);
    cr_assert_not_null(strstr(err.message, part), "%s", err.message);
}

Test(sampler_memory, impossible_settings_are_refused) {
    const rk_sampler_options good = rk_sampler_defaults();
    rk_sampler_options o = good;
    o.min_p = 1.01;
    check_refused(&o, RK_ERR_ARGUMENT, "min_p is 1.01");
    o = good;
    o.penalty_decay = -0.1;
    check_refused(&o, RK_ERR_ARGUMENT, "penalty_decay");
    o = good;
    o.penalty_window = (size_t)1 << 40;
    check_refused(&o, RK_ERR_ARGUMENT, "penalty_window");
    o = good;
    o.n_bans = 1;
    o.bans = (const uint32_t[]){N};
    check_refused(&o, RK_ERR_RANGE, "token 256");
    o = good;
    o.n_biases = 1;
    o.biases = (const rk_logit_bias[]){{N + 1, 0}};
    check_refused(&o, RK_ERR_RANGE, "token 257");
    o.biases = (const rk_logit_bias[]){{1, INFINITY}};
    check_refused(&o, RK_ERR_ARGUMENT, "bias of token 1");
    o = good;
    o.chain.filters[1] = o.chain.filters[0];
    check_refused(&o, RK_ERR_ARGUMENT, "twice");
    o = good;
    o.chain.count = 99;
    check_refused(&o, RK_ERR_ARGUMENT, "99 filters");
}

Test(sampler_memory, chains_are_read_strictly) {
    rk_filter_chain chain = {.count = 7};
    rk_error err = {0};
    cr_assert_eq(rk_filter_chain_parse(&chain, "temperature;top_k,min_p", &err), RK_OK);
    cr_assert_eq(chain.count, 3);
    cr_assert_eq(chain.filters[0], RK_FILTER_TEMPERATURE);
    cr_assert_eq(chain.filters[1], RK_FILTER_TOP_K);
    cr_assert_eq(chain.filters[2], RK_FILTER_MIN_P);
    static const char *const bad[] = {"", "top_k;", "top", "top_k;top_k", "top_k; top_p", "TOP_K"};
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(rk_filter_chain_parse(&chain, bad[i], &err), RK_ERR_ARGUMENT, "%s", bad[i]);
        cr_assert_eq(chain.count, 3);
    }
    rk_preset preset = RK_PRESET_HF;
    cr_assert_not(rk_preset_parse(&preset, "RWKV"));
    cr_assert_eq(preset, RK_PRESET_HF);
    for (size_t i = 0; i < RK_PRESET_COUNT; i++) {
        cr_assert(rk_preset_parse(&preset, rk_preset_name((rk_preset)i)));
        cr_assert_eq(preset, i);
    }
}
