// Beam search against trying everything.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

static void log_softmax(double *out, const float *logits, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp((double)logits[i]);
    for (size_t i = 0; i < n; i++) out[i] = (double)logits[i] - log(sum);
}

static void search(const test_machine *m, size_t n_beams, double length_penalty,
                   const rk_generate_options *options, rk_state **state, rk_beam **beams,
                   size_t *n) {
    const rk_beam_options o = {.n_beams = n_beams, .length_penalty = length_penalty};
    rk_error err = {0};
    cr_assert_eq(rk_state_new(state, m->model, 1, NULL), RK_OK);
    cr_assert_eq(
        rk_generate_beams(m->context, *state, m->tokenizer, "cab", 3, &o, options, beams, n, &err),
        RK_OK, "%s", err.message);
}

// With a beam for every token, two tokens are searched exhaustively.
Test(beam, finds_the_most_probable_pair_of_tokens) {
    test_machine m = test_machine_words("cpu fp32");
    rk_generate_options options = {.max_tokens = 2, .ignore_end_of_text = true};
    rk_state *state, *plain, *fork;
    rk_beam *beams;
    size_t n, n_prompt;
    uint32_t *prompt;
    search(&m, m.n_vocab, 0, &options, &state, &beams, &n);

    cr_assert_eq(rk_state_new(&plain, m.model, 1, NULL), RK_OK);
    cr_assert_eq(rk_state_new(&fork, m.model, 1, NULL), RK_OK);
    cr_assert_eq(rk_tokenizer_encode(m.tokenizer, "cab", 3, &prompt, &n_prompt, NULL), RK_OK);
    float *logits = malloc(m.n_vocab * sizeof *logits);
    double *first = malloc(m.n_vocab * sizeof *first), *second = malloc(m.n_vocab * sizeof *second);
    cr_assert_eq(rk_eval(m.context, plain, prompt, n_prompt, RK_LOGITS_LAST, logits, NULL), RK_OK);
    log_softmax(first, logits, m.n_vocab);
    double best = -INFINITY;
    uint32_t pair[2] = {0};
    for (uint32_t i = 0; i < m.n_vocab; i++) {
        size_t length;
        rk_tokenizer_decode(m.tokenizer, i, &length);
        if (length == 0 && i != 0) continue;
        cr_assert_eq(rk_state_copy(fork, 0, plain, 0, NULL), RK_OK);
        cr_assert_eq(rk_eval(m.context, fork, &i, 1, RK_LOGITS_LAST, logits, NULL), RK_OK);
        log_softmax(second, logits, m.n_vocab);
        for (uint32_t k = 0; k < m.n_vocab; k++) {
            rk_tokenizer_decode(m.tokenizer, k, &length);
            if ((length == 0 && k != 0) || first[i] + second[k] <= best) continue;
            best = first[i] + second[k];
            pair[0] = i;
            pair[1] = k;
        }
    }
    char text[16];
    const size_t length = test_decode(&m, pair, 2, text);
    cr_assert_float_eq(beams[0].log_p, best, 1e-5);
    cr_assert_eq(beams[0].length, length);
    cr_assert_eq(memcmp(beams[0].text, text, length), 0);
    cr_assert_eq(n, m.n_vocab);
    for (size_t i = 1; i < n; i++) cr_assert_leq(beams[i].score, beams[i - 1].score);
    rk_beams_free(&beams, n);
    free(logits);
    free(first);
    free(second);
    rk_tokens_free(&prompt);
    rk_state_free(&plain);
    rk_state_free(&fork);
    rk_state_free(&state);
    test_machine_free(&m);
}

Test(beam, one_beam_is_greedy) {
    test_machine m = test_machine_demo("cpu Q8_0");
    test_listener greedy = {.length = 0}, best = {.length = 0};
    const rk_sampler_options settings = {.temperature = 0, .top_p = 1};
    rk_generate_options options = {.max_tokens = 40, .text = test_listen, .user = &greedy};
    rk_state *state, *other;
    rk_sampler *sampler;
    rk_beam *beams;
    size_t n;
    cr_assert_eq(rk_state_new(&state, m.model, 1, NULL), RK_OK);
    cr_assert_eq(rk_sampler_new(&sampler, m.n_vocab, &settings, NULL), RK_OK);
    cr_assert_eq(
        rk_generate(m.context, state, m.tokenizer, sampler, "cab", 3, &options, NULL, NULL), RK_OK);
    options.user = &best;
    search(&m, 1, 1, &options, &other, &beams, &n);
    cr_assert_eq(n, 1);
    cr_assert_not(beams[0].ended);
    cr_assert_eq(best.length, greedy.length);
    cr_assert_eq(memcmp(best.text, greedy.text, best.length), 0);
    test_same_states(state, 0, other, 0);
    rk_beams_free(&beams, n);
    rk_sampler_free(&sampler);
    rk_state_free(&state);
    rk_state_free(&other);
    test_machine_free(&m);
}

Test(beam, more_beams_find_nothing_worse_and_stops_end_texts) {
    test_machine m = test_machine_demo("cpu fp32");
    const rk_text stop = {" ", 1};
    rk_generate_options options = {.max_tokens = 30};
    double last = -INFINITY;
    for (size_t width = 1; width <= 8; width *= 8) {
        rk_state *state;
        rk_beam *beams;
        size_t n;
        search(&m, width, 0, &options, &state, &beams, &n);
        cr_assert_geq(beams[0].log_p, last);
        last = beams[0].log_p;
        rk_beams_free(&beams, n);
        rk_state_free(&state);
    }
    rk_state *state;
    rk_beam *beams;
    size_t n;
    options.stops = &stop;
    options.n_stops = 1;
    search(&m, 4, 1, &options, &state, &beams, &n);
    cr_assert_eq(n, 4);
    for (size_t i = 0; i < n; i++) {
        cr_assert_null(memchr(beams[i].text, ' ', beams[i].length));
        cr_assert_eq(beams[i].ended, beams[i].n_tokens == beams[i].length + 1);
        cr_assert_float_eq(beams[i].score, beams[i].log_p / (double)beams[i].n_tokens, 1e-12);
    }
    cr_assert(beams[0].ended);
    rk_beams_free(&beams, n);
    rk_state_free(&state);
    test_machine_free(&m);
}

Test(beam, impossible_searches_are_refused) {
    test_machine m = test_machine_demo("cpu fp32");
    static const rk_beam_options bad[] = {{0, 1}, {1025, 1}, {2, -1}, {2, NAN}};
    const rk_generate_options options = {.max_tokens = 3};
    rk_state *state;
    cr_assert_eq(rk_state_new(&state, m.model, 1, NULL), RK_OK);
    for (size_t i = 0; i < 4; i++) {
        rk_beam *beams = (rk_beam *)&m;
        size_t n;
        cr_assert_eq(rk_generate_beams(m.context, state, m.tokenizer, "x", 1, &bad[i], &options,
                                       &beams, &n, NULL),
                     RK_ERR_ARGUMENT);
        cr_assert_null(beams);
    }
    rk_state_free(&state);
    test_machine_free(&m);
}
