// The generation loop on models whose text is known.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chain_model.h"
#include "rk/generate.h"
#include "support/scratch.h"
#include "text/utf8_stream.h"

// "x", e acute, the euro sign, a smiling face: characters of 1, 2, 3 and 4 bytes, and no byte
// twice.
#define CYCLE "x\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
enum { CYCLE_BYTES = sizeof CYCLE - 1, MAX_TEXT = 512 };

// Everything that a generation takes.
typedef struct machine {
    rk_model *model;
    rk_context *context;
    rk_state *state;
    rk_tokenizer *tokenizer;
    rk_sampler *sampler;
} machine;

static machine start(const char *path) {
    machine m = {0};
    rk_error err = {0};
    const rk_sampler_options greedy = {.temperature = 0, .top_p = 1};
    cr_assert_eq(rk_model_open(&m.model, path, NULL, &err), RK_OK, "%s", err.message);
    const size_t n_vocab = rk_model_describe(m.model)->dims.n_vocab;
    cr_assert_eq(rk_context_new(&m.context, m.model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&m.state, m.model, 1, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_tokenizer_open(&m.tokenizer, n_vocab, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_sampler_new(&m.sampler, n_vocab, &greedy, &err), RK_OK, "%s", err.message);
    return m;
}

static machine start_chain(const char *cycle, int broken) {
    const char *path = test_scratch_path("chain.pth");
    cr_assert(chain_model_write(path, cycle, broken));
    return start(path);
}

static void stop(machine *m) {
    rk_sampler_free(&m->sampler);
    rk_tokenizer_close(&m->tokenizer);
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    test_scratch_remove();
}

// What the callback saw.
typedef struct listener {
    char text[MAX_TEXT];
    size_t length, n_pieces;
    size_t refuse_from;    // this piece and later ones are answered with false; 0: none
    bool inside_character; // a piece ended within one
} listener;

static bool listen(void *user, const char *text, size_t length) {
    listener *l = user;
    cr_assert_gt(length, 0);
    cr_assert_leq(l->length + length, MAX_TEXT);
    memcpy(l->text + l->length, text, length);
    l->length += length;
    l->n_pieces++;
    if (rk__utf8_unfinished(l->text, l->length) > 0) l->inside_character = true;
    return l->refuse_from == 0 || l->n_pieces < l->refuse_from;
}

static rk_generate_result generate(machine *m, const char *prompt, size_t length, size_t max_tokens,
                                   listener *l) {
    const rk_generate_options options = {
        .max_tokens = max_tokens, .text = l ? listen : NULL, .user = l};
    rk_generate_result result = {.n_prompt_tokens = 999};
    rk_error err = {0};
    cr_assert_eq(rk_generate(m->context, m->state, m->tokenizer, m->sampler, prompt, length,
                             &options, &result, &err),
                 RK_OK, "%s", err.message);
    cr_assert_geq(result.prompt_seconds, 0);
    cr_assert_geq(result.draw_seconds, 0);
    return result;
}

// The state must be what feeding `text` to an empty one makes it, up to what chunks may change.
static void check_state_contains(const machine *m, const char *text, size_t length) {
    const size_t n_floats = rk_model_describe(m->model)->state_floats;
    float *found = malloc(n_floats * sizeof *found),
          *expected = malloc(n_floats * sizeof *expected);
    rk_state *fresh = NULL;
    cr_assert_eq(rk_state_new(&fresh, m->model, 1, NULL), RK_OK);
    for (size_t i = 0; i < length; i++) {
        const uint32_t token = (unsigned char)text[i];
        cr_assert_eq(rk_eval(m->context, fresh, &token, 1, RK_LOGITS_NONE, NULL, NULL), RK_OK);
    }
    cr_assert_eq(rk_state_export(fresh, 0, expected, n_floats, NULL), RK_OK);
    cr_assert_eq(rk_state_export(m->state, 0, found, n_floats, NULL), RK_OK);
    for (size_t i = 0; i < n_floats; i++) {
        const float limit = 1e-4F * (1 + fabsf(expected[i]));
        cr_assert(fabsf(found[i] - expected[i]) <= limit, "state[%zu] is %g instead of %g", i,
                  (double)found[i], (double)expected[i]);
    }
    rk_state_free(&fresh);
    free(found);
    free(expected);
}

Test(generate, text_comes_in_whole_characters) {
    machine m = start_chain(CYCLE, -1);
    listener l = {0};
    // The prompt is the last byte of the cycle, that is not even a character.
    const rk_generate_result result = generate(&m, "\x80", 1, 2 * CYCLE_BYTES, &l);
    cr_assert_eq(result.n_prompt_tokens, 1);
    cr_assert_eq(result.n_drawn_tokens, 2 * CYCLE_BYTES);
    cr_assert_not(result.stopped_by_caller);
    cr_assert_eq(l.length, 2 * CYCLE_BYTES);
    cr_assert_eq(memcmp(l.text, CYCLE CYCLE, l.length), 0, "%.*s", (int)l.length, l.text);
    cr_assert_eq(l.n_pieces, 8);
    cr_assert_not(l.inside_character);
    check_state_contains(&m, "\x80" CYCLE CYCLE, 1 + 2 * CYCLE_BYTES);
    stop(&m);
}

Test(generate, the_beginning_of_a_character_comes_at_the_end) {
    machine m = start_chain(CYCLE, -1);
    listener l = {0};
    generate(&m, "x", 1, 4, &l); // two bytes for the e, two of the euro sign's three
    cr_assert_eq(l.length, 4);
    cr_assert_eq(memcmp(l.text, "\xc3\xa9\xe2\x82", 4), 0);
    cr_assert_eq(l.n_pieces, 2);
    stop(&m);
}

Test(generate, bytes_that_are_no_text_do_not_wait) {
    machine m = start_chain("a\xff\x80", -1);
    listener l = {0};
    generate(&m, "a", 1, 5, &l);
    cr_assert_eq(l.n_pieces, 5);
    cr_assert_eq(memcmp(l.text,
                        "\xff\x80"
                        "a\xff\x80",
                        5),
                 0);
    stop(&m);
}

Test(generate, the_receiver_can_end_it) {
    machine m = start_chain(CYCLE, -1);
    listener l = {.refuse_from = 3};
    const rk_generate_result result = generate(&m, "x", 1, 100, &l);
    cr_assert(result.stopped_by_caller);
    cr_assert_eq(l.n_pieces, 3); // e acute, euro, the face: refused
    cr_assert_eq(result.n_drawn_tokens, 9);
    check_state_contains(&m, CYCLE, CYCLE_BYTES);
    stop(&m);
}

Test(generate, the_receiver_can_refuse_the_rest) {
    machine m = start_chain(CYCLE, -1);
    listener l = {.refuse_from = 2};
    const rk_generate_result result = generate(&m, "x", 1, 4, &l);
    cr_assert(result.stopped_by_caller);
    cr_assert_eq(result.n_drawn_tokens, 4);
    stop(&m);
}

Test(generate, an_empty_prompt_is_token_0) {
    machine m = start_chain(CYCLE, -1);
    listener l = {0};
    const rk_generate_result result = generate(&m, "", 0, 3, &l);
    cr_assert_eq(result.n_prompt_tokens, 1);
    cr_assert_eq(memcmp(l.text, CYCLE, 3), 0);
    check_state_contains(&m, "\0" CYCLE, 4);
    stop(&m);
}

Test(generate, a_prompt_alone) {
    machine m = start_chain(CYCLE, -1);
    listener l = {0};
    // In two parts, with a zero inside: the same as one.
    rk_generate_result result = generate(&m, "ab\0c", 4, 0, &l);
    cr_assert_eq(result.n_prompt_tokens, 4);
    cr_assert_eq(result.n_drawn_tokens, 0);
    (void)generate(&m, "defg", 4, 0, &l);
    cr_assert_eq(l.n_pieces, 0);
    check_state_contains(&m, "ab\0cdefg", 8);
    stop(&m);
}

Test(generate, nobody_has_to_listen) {
    machine m = start_chain(CYCLE, -1);
    const rk_generate_options options = {.max_tokens = 3};
    cr_assert_eq(
        rk_generate(m.context, m.state, m.tokenizer, m.sampler, "x", 1, &options, NULL, NULL),
        RK_OK);
    check_state_contains(&m, CYCLE, 4);
    stop(&m);
}

Test(generate, broken_logits_end_it) {
    machine m = start_chain("abcd", 'c');
    listener l = {0};
    const rk_generate_options options = {.max_tokens = 10, .text = listen, .user = &l};
    rk_generate_result result = {.n_prompt_tokens = 999};
    rk_error err = {0};
    cr_assert_eq(
        rk_generate(m.context, m.state, m.tokenizer, m.sampler, "da", 2, &options, &result, &err),
        RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "NaN"), "%s", err.message);
    cr_assert_eq(result.n_prompt_tokens, 2);
    cr_assert_eq(result.n_drawn_tokens, 2);
    cr_assert_eq(l.length, 2);
    cr_assert_eq(memcmp(l.text, "bc", 2), 0);
    stop(&m);
}

Test(generate, a_sampler_of_another_vocabulary_is_refused) {
    machine m = start_chain(CYCLE, -1);
    rk_sampler_free(&m.sampler);
    cr_assert_eq(rk_sampler_new(&m.sampler, 255, NULL, NULL), RK_OK);
    const rk_generate_options options = {.max_tokens = 1};
    rk_generate_result result = {.n_prompt_tokens = 999};
    rk_error err = {0};
    cr_assert_eq(
        rk_generate(m.context, m.state, m.tokenizer, m.sampler, "x", 1, &options, &result, &err),
        RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, "sampler is for 255 tokens"), "%s", err.message);
    cr_assert_eq(result.n_prompt_tokens, 0);
    check_state_contains(&m, "", 0);
    stop(&m);
}

// The demo model's story against a loop of rk_eval and the largest logit.
Test(generate, the_demo_model_says_what_its_logits_say) {
    enum { N = 120 };
    static const char prompt[] = "Once upon a time, ";
    machine m = start(RK_MODELS "/demo/demo-rwkv4.pth");
    char expected[N];
    float logits[256];
    uint32_t tokens[sizeof prompt - 1];
    for (size_t i = 0; i < sizeof prompt - 1; i++) tokens[i] = (unsigned char)prompt[i];
    cr_assert_eq(
        rk_eval(m.context, m.state, tokens, sizeof prompt - 1, RK_LOGITS_LAST, logits, NULL),
        RK_OK);
    for (size_t i = 0; i < N; i++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < 256; k++) best = logits[k] > logits[best] ? k : best;
        expected[i] = (char)best;
        cr_assert_eq(rk_eval(m.context, m.state, &best, 1, RK_LOGITS_LAST, logits, NULL), RK_OK);
    }
    cr_assert_eq(rk_state_clear(m.state, 0, NULL), RK_OK);

    listener l = {0};
    const rk_generate_result result = generate(&m, prompt, sizeof prompt - 1, N, &l);
    cr_assert_eq(result.n_prompt_tokens, sizeof prompt - 1);
    cr_assert_eq(l.length, N);
    cr_assert_eq(memcmp(l.text, expected, N), 0, "%.*s", N, l.text);
    for (size_t i = 0; i < N; i++) {
        const char c = l.text[i];
        cr_assert((c >= ' ' && c <= '~') || c == '\n', "byte %d in a story", c);
    }
    stop(&m);
}
