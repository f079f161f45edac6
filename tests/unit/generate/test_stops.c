// Stop strings: against texts generated without any, cut by a plain search.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "generate/stop_strings.h"
#include "machine.h"
#include "support/scratch.h"
#include "unit/text/test_numbers.h"

Test(stop_strings, the_first_complete_one_wins_and_of_equal_ones_the_longest) {
    static const rk_text stops[] = {{"abcd", 4}, {"bc", 2}, {"c", 1}, {"xyz", 3}};
    size_t stop, begin;
    cr_assert(rk__find_stop("abcd", 4, 0, stops, 1, &stop, &begin));
    cr_assert_eq(begin, 0);
    cr_assert(rk__find_stop("abcd", 4, 0, stops, 4, &stop, &begin)); // bc and c end before abcd
    cr_assert_eq(stop, 1);
    cr_assert_eq(begin, 1);
    cr_assert(rk__find_stop("abcxyz", 6, 3, stops, 4, &stop, &begin));
    cr_assert_eq(stop, 3);
    cr_assert_eq(begin, 3);
    cr_assert_not(rk__find_stop("abd", 3, 0, stops, 4, &stop, &begin));
    cr_assert_not(rk__find_stop("", 0, 0, stops, 4, &stop, &begin));
}

Test(stop_strings, the_longest_beginning_is_what_waits) {
    static const rk_text stops[] = {{"aab", 3}, {"abab", 4}};
    static const struct {
        const char *text;
        size_t waits;
    } cases[] = {{"", 0},   {"a", 1},    {"xaa", 2},   {"aaa", 2}, {"aba", 3},
                 {"ab", 2}, {"aabx", 0}, {"ababa", 3}, {"b", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(rk__unfinished_stop(cases[i].text, strlen(cases[i].text), stops, 2),
                     cases[i].waits, "%s", cases[i].text);
    }
}

// One generation from a fresh state and sampler.
typedef struct outcome {
    test_listener listener;
    rk_generate_result result;
    rk_state *state;
} outcome;

static rk_sampler_options sampling(const test_machine *m, uint64_t seed) {
    rk_sampler_options o = {.temperature = 1.5, .top_p = 1, .seed = seed};
    o.bans = test_machine_other_tokens(m, &o.n_bans);
    o.frequency_penalty = 0.1;
    o.penalty_decay = 0.99;
    return o;
}

static void generate(outcome *o, const test_machine *m, uint64_t seed, const rk_text *stops,
                     size_t n_stops, size_t max_tokens) {
    const rk_sampler_options settings = sampling(m, seed);
    const rk_generate_options options = {.max_tokens = max_tokens,
                                         .text = test_listen,
                                         .token = test_listen_token,
                                         .user = &o->listener,
                                         .stops = stops,
                                         .n_stops = n_stops};
    rk_sampler *sampler;
    rk_error err = {0};
    *o = (outcome){.state = NULL};
    cr_assert_eq(rk_sampler_new(&sampler, m->n_vocab, &settings, NULL), RK_OK);
    cr_assert_eq(rk_state_new(&o->state, m->model, 1, NULL), RK_OK);
    cr_assert_eq(rk_generate(m->context, o->state, m->tokenizer, sampler, "cab.", 4, &options,
                             &o->result, &err),
                 RK_OK, "%s", err.message);
    rk_sampler_free(&sampler);
}

// Where the text ends by the rule: byte by byte, the first stop string that is complete.
static size_t plain_end(const char *text, size_t length, const rk_text *stops, size_t n_stops,
                        size_t *complete) {
    for (size_t end = 1; end <= length; end++) {
        size_t begin = end + 1;
        for (size_t i = 0; i < n_stops; i++) {
            const size_t n = stops[i].length;
            if (n > end || memcmp(text + end - n, stops[i].bytes, n) != 0) continue;
            if (end - n < begin) begin = end - n;
        }
        *complete = end;
        if (begin <= end) return begin;
    }
    *complete = length + 1;
    return length;
}

// Feeds what the state should contain: the prompt, whole tokens, and the rest of the text encoded.
static rk_state *expected_state(const test_machine *m, const outcome *free_run, size_t length) {
    rk_state *state;
    uint32_t *tokens;
    size_t n_tokens, n_whole = 0, at = 0;
    cr_assert_eq(rk_state_new(&state, m->model, 1, NULL), RK_OK);
    cr_assert_eq(rk_tokenizer_encode(m->tokenizer, "cab.", 4, &tokens, &n_tokens, NULL), RK_OK);
    cr_assert_eq(rk_eval(m->context, state, tokens, n_tokens, RK_LOGITS_NONE, NULL, NULL), RK_OK);
    rk_tokens_free(&tokens);
    for (;; n_whole++) {
        size_t n;
        rk_tokenizer_decode(m->tokenizer, free_run->listener.tokens[n_whole], &n);
        if (n_whole == free_run->listener.n_tokens || at + n > length) break;
        at += n;
    }
    cr_assert_eq(
        rk_eval(m->context, state, free_run->listener.tokens, n_whole, RK_LOGITS_NONE, NULL, NULL),
        RK_OK);
    cr_assert_eq(rk_tokenizer_encode(m->tokenizer, free_run->listener.text + at, length - at,
                                     &tokens, &n_tokens, NULL),
                 RK_OK);
    cr_assert_eq(rk_eval(m->context, state, tokens, n_tokens, RK_LOGITS_NONE, NULL, NULL), RK_OK);
    rk_tokens_free(&tokens);
    return state;
}

// Random strings out of the text itself, so that many of them come true, and some at once.
static void choose_stops(rk_text *stops, size_t n, const outcome *free_run, test_numbers *numbers) {
    for (size_t i = 0; i < n; i++) {
        const size_t length = 1 + test_below(numbers, 9);
        const size_t from = test_below(numbers, free_run->listener.length - length);
        stops[i] = (rk_text){.bytes = free_run->listener.text + from, .length = length};
    }
}

static size_t check_round(const test_machine *m, test_numbers *numbers, uint64_t seed) {
    enum { MAX_TOKENS = 120 };
    static outcome free_run, stopped;
    rk_text stops[4];
    generate(&free_run, m, seed, NULL, 0, MAX_TOKENS);
    const size_t n_stops = 1 + test_below(numbers, 4);
    choose_stops(stops, n_stops, &free_run, numbers);
    size_t complete;
    const size_t length =
        plain_end(free_run.listener.text, free_run.listener.length, stops, n_stops, &complete);
    generate(&stopped, m, seed, stops, n_stops, MAX_TOKENS);
    cr_assert_eq(stopped.result.end, RK_END_STOP_STRING);
    cr_assert_eq(stopped.listener.length, length, "seed %llu: %zu bytes instead of %zu",
                 (unsigned long long)seed, stopped.listener.length, length);
    cr_assert_eq(memcmp(stopped.listener.text, free_run.listener.text, length), 0);
    const rk_text *stop = &stops[stopped.result.stop];
    cr_assert_eq(stop->length, complete - length);
    cr_assert_eq(memcmp(stop->bytes, free_run.listener.text + length, stop->length), 0);

    char text[TEST_MAX_TEXT];
    const size_t n_kept = stopped.result.n_drawn_tokens - stopped.result.n_withdrawn;
    const size_t kept = test_decode(m, stopped.listener.tokens, n_kept, text);
    cr_assert_leq(kept, length);
    rk_state *expected = expected_state(m, &free_run, length);
    test_same_states(stopped.state, 0, expected, 0);
    rk_state_free(&expected);
    rk_state_free(&free_run.state);
    rk_state_free(&stopped.state);
    return stopped.result.n_withdrawn;
}

// Tokens of several bytes, stop strings that begin inside of one, and within stop strings that do
// not come true.
Test(stops, texts_end_where_a_search_says_and_states_with_them) {
    const uint64_t seed = 31;
    cr_log_info("seed %llu", (unsigned long long)seed);
    test_numbers numbers = {seed};
    test_machine m = test_machine_words("cpu fp32");
    size_t most_withdrawn = 0;
    for (uint64_t i = 0; i < 150; i++) {
        const size_t n = check_round(&m, &numbers, i);
        if (n > most_withdrawn) most_withdrawn = n;
    }
    cr_assert_geq(most_withdrawn, 4, "no stop string went over several tokens");
    test_machine_free(&m);
}

// A text that is always the beginning of a stop string, for longer than a snapshot lasts.
Test(stops, a_stop_string_that_keeps_beginning) {
    test_machine m = test_machine_words("cpu Q8_0");
    rk_logit_bias only_a = {'a' + 1, 1000};
    const rk_text stop = {"aaaaaab", 7};
    // Greedy on one letter, then on another.
    rk_sampler_options settings = {.temperature = 0, .top_p = 1, .biases = &only_a, .n_biases = 1};
    rk_session *session;
    rk_error err = {0};
    cr_assert_eq(rk_session_new(&session, m.context, m.tokenizer, &settings, &err), RK_OK, "%s",
                 err.message);
    test_listener l = {.length = 0};
    rk_generate_options options = {
        .max_tokens = 100, .text = test_listen, .user = &l, .stops = &stop, .n_stops = 1};
    rk_generate_result result;
    cr_assert_eq(rk_session_generate(session, &options, &result, &err), RK_OK, "%s", err.message);
    cr_assert_eq(result.end, RK_END_LENGTH);
    cr_assert_eq(l.length, 94, "%zu", l.length); // six may begin it
    only_a.token = 'b' + 1;
    cr_assert_eq(rk_sampler_configure(rk_session_sampler(session), &settings, &err), RK_OK);
    cr_assert_eq(rk_session_generate(session, &options, &result, &err), RK_OK, "%s", err.message);
    cr_assert_eq(result.end, RK_END_STOP_STRING);
    cr_assert_eq(result.n_withdrawn, 7);
    cr_assert_eq(l.length, 94);

    rk_state *expected;
    uint32_t tokens[95] = {0};
    for (size_t i = 1; i < 95; i++) tokens[i] = 'a' + 1;
    cr_assert_eq(rk_state_new(&expected, m.model, 1, NULL), RK_OK);
    cr_assert_eq(rk_eval(m.context, expected, tokens, 95, RK_LOGITS_NONE, NULL, NULL), RK_OK);
    test_same_states(rk_session_state(session), 0, expected, 0);
    rk_state_free(&expected);
    rk_session_free(&session);
    test_machine_free(&m);
}

Test(stops, stop_tokens_and_the_end_of_text_are_not_fed) {
    test_machine m = test_machine_words("cpu fp32");
    for (int which = 0; which < 3; which++) {
        const uint32_t stop_token = which == 0 ? 0 : 'b' + 1;
        const rk_logit_bias bias = {stop_token, 1000};
        const rk_sampler_options settings = {
            .temperature = 0, .top_p = 1, .biases = &bias, .n_biases = 1};
        rk_session *session;
        cr_assert_eq(rk_session_new(&session, m.context, m.tokenizer, &settings, NULL), RK_OK);
        test_listener l = {.length = 0};
        rk_generate_options options = {.max_tokens = 5,
                                       .text = test_listen,
                                       .user = &l,
                                       .stop_tokens = &stop_token,
                                       .n_stop_tokens = which == 1};
        rk_generate_result result;
        cr_assert_eq(rk_session_feed(session, "ca", 2, NULL, NULL, NULL), RK_OK);
        cr_assert_eq(rk_session_generate(session, &options, &result, NULL), RK_OK);
        cr_assert_eq(result.end, which == 2 ? RK_END_LENGTH : RK_END_STOP_TOKEN);
        cr_assert_eq(result.n_drawn_tokens, which == 2 ? 5 : 1);
        cr_assert_eq(l.length, which == 2 ? 5 : 0);
        rk_session_free(&session);
    }
    test_machine_free(&m);
}

Test(stops, an_empty_stop_string_is_refused) {
    test_machine m = test_machine_words("cpu fp32");
    const rk_text stops[] = {{"a", 1}, {"", 0}};
    const rk_generate_options options = {.max_tokens = 1, .stops = stops, .n_stops = 2};
    rk_session *session;
    rk_error err = {0};
    cr_assert_eq(rk_session_new(&session, m.context, m.tokenizer, NULL, NULL), RK_OK);
    cr_assert_eq(rk_session_generate(session, &options, NULL, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "stop string 2"), "%s", err.message);
    rk_session_free(&session);
    test_machine_free(&m);
}
