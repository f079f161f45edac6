// Sessions: a text cut anywhere and continued, from memory and from files.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "support/scratch.h"
#include "text/utf8_stream.h"

static rk_session *new_session(const test_machine *m, const rk_sampler_options *settings) {
    rk_session *session;
    rk_error err = {0};
    cr_assert_eq(rk_session_new(&session, m->context, m->tokenizer, settings, &err), RK_OK, "%s",
                 err.message);
    return session;
}

static void feed(rk_session *session, const char *text) {
    rk_error err = {0};
    size_t n_fed = 0;
    cr_assert_eq(rk_session_feed(session, text, strlen(text), NULL, &n_fed, &err), RK_OK, "%s",
                 err.message);
    cr_assert_gt(n_fed, 0);
}

static rk_generate_result go_on(rk_session *session, test_listener *l, size_t n,
                                const rk_text *stops, size_t n_stops) {
    const rk_generate_options options = {
        .max_tokens = n, .text = test_listen, .user = l, .stops = stops, .n_stops = n_stops};
    rk_generate_result result;
    rk_error err = {0};
    cr_assert_eq(rk_session_generate(session, &options, &result, &err), RK_OK, "%s", err.message);
    return result;
}

// Saves, throws everything away, loads into a session made anew.
static void through_a_file(rk_session **session, const test_machine *m,
                           const rk_sampler_options *settings) {
    const char *path = test_scratch_path("session");
    rk_error err = {0};
    cr_assert_eq(rk_session_save(*session, path, &err), RK_OK, "%s", err.message);
    rk_session_free(session);
    *session = new_session(m, settings);
    cr_assert_eq(rk_session_load(*session, path, &err), RK_OK, "%s", err.message);
}

static rk_sampler_options settings_of(const test_machine *m) {
    rk_sampler_options o = rk_sampler_defaults();
    o.tokenizer = m->tokenizer;
    o.seed = 2024;
    o.mirostat_tau = 5;
    return o;
}

// One run of N tokens against runs that are cut after every few, through files.
static void check_cuts(const test_machine *m, const rk_sampler_options *settings,
                       const char *prompt, const rk_text *stops, size_t n_stops, size_t n_tokens) {
    static test_listener whole, pieces;
    whole = (test_listener){.length = 0};
    rk_session *session = new_session(m, settings);
    feed(session, prompt);
    const rk_generate_result once = go_on(session, &whole, n_tokens, stops, n_stops);
    rk_session_flush(session, test_listen, &whole);
    static const size_t steps[] = {1, 2, 3, 7, 50};
    for (size_t i = 0; i < 5; i++) {
        pieces = (test_listener){.length = 0};
        rk_session *cut = new_session(m, settings);
        feed(cut, prompt);
        rk_generate_result result = {.end = RK_END_LENGTH};
        for (size_t left = n_tokens; left > 0 && result.end == RK_END_LENGTH;) {
            const size_t n = steps[i] < left ? steps[i] : left;
            result = go_on(cut, &pieces, n, stops, n_stops);
            left -= n;
            through_a_file(&cut, m, settings);
        }
        rk_session_flush(cut, test_listen, &pieces);
        cr_assert_eq(result.end, once.end);
        cr_assert_eq(pieces.length, whole.length, "in steps of %zu: %zu bytes instead of %zu",
                     steps[i], pieces.length, whole.length);
        cr_assert_eq(memcmp(pieces.text, whole.text, whole.length), 0);
        test_same_states(rk_session_state(cut), 0, rk_session_state(session), 0);
        rk_session_free(&cut);
    }
    rk_session_free(&session);
}

Test(session, the_demo_model_tells_the_same_story_however_it_is_cut) {
    test_machine m = test_machine_demo("cpu Q8_0");
    const rk_sampler_options settings = settings_of(&m);
    check_cuts(&m, &settings, "Once upon a time, ", NULL, 0, 120);
    test_machine_free(&m);
}

Test(session, a_cut_inside_a_stop_string) {
    test_machine m = test_machine_words("cpu fp32");
    rk_sampler_options settings = settings_of(&m);
    settings.bans = test_machine_other_tokens(&m, &settings.n_bans);
    // A stop string out of the middle of what comes without one.
    test_listener l = {.length = 0};
    rk_session *session = new_session(&m, &settings);
    feed(session, "ab");
    go_on(session, &l, 60, NULL, 0);
    rk_session_free(&session);
    const rk_text stop = {l.text + 45, 13};
    check_cuts(&m, &settings, "ab", &stop, 1, 60);
    const rk_text never = {"abc.\n\n\n\n.", 9};
    check_cuts(&m, &settings, "ab", &never, 1, 60);
    test_machine_free(&m);
}

Test(session, characters_survive_a_cut) {
    test_machine m = test_machine_words("cpu fp32");
    // The euro sign byte by byte: one bias after another.
    static const unsigned char euro[] = {0xe2, 0x82, 0xac};
    rk_logit_bias bias = {0, 1000};
    rk_sampler_options settings = {.temperature = 0, .top_p = 1, .biases = &bias, .n_biases = 1};
    bias.token = euro[0] + 1U;
    rk_session *session = new_session(&m, &settings);
    test_listener l = {.length = 0};
    for (size_t i = 0; i < 3; i++) {
        bias.token = euro[i] + 1U;
        cr_assert_eq(rk_sampler_configure(rk_session_sampler(session), &settings, NULL), RK_OK);
        cr_assert_eq(l.length, 0);
        go_on(session, &l, 1, NULL, 0);
        through_a_file(&session, &m, &settings);
    }
    cr_assert_eq(l.length, 3);
    cr_assert_eq(memcmp(l.text, euro, 3), 0);
    rk_session_free(&session);
    test_machine_free(&m);
}

// A text that is all of one letter keeps a long stop string beginning, so there is a point to go
// back to, with tokens, in the file.
static rk_session *session_with_everything(const test_machine *m) {
    const rk_logit_bias bias = {'a' + 1, 1000};
    rk_sampler_options settings = {.temperature = 0, .top_p = 1, .biases = &bias, .n_biases = 1};
    rk_session *session = new_session(m, &settings);
    static const rk_text stop = {"aaaaaaaab", 9};
    test_listener l = {.length = 0};
    feed(session, "ca");
    go_on(session, &l, 12, &stop, 1);
    cr_assert_eq(l.length, 4);
    return session;
}

Test(session, damaged_files_are_refused_and_change_nothing) {
    test_machine m = test_machine_words("cpu fp32");
    rk_session *session = session_with_everything(&m);
    const char *path = test_scratch_path("session");
    cr_assert_eq(rk_session_save(session, path, NULL), RK_OK);
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    cr_assert_not_null(bytes);
    const char *bad = test_scratch_path("bad");
    rk_session *other = new_session(&m, NULL);
    feed(other, "b");
    for (size_t i = 0; i < size; i += i < 160 ? 1 : 97) {
        bytes[i] ^= 0x11;
        cr_assert(test_write_file(bad, bytes, size));
        rk_error err = {0};
        // The padding of the header is part of the checksum, too.
        cr_assert_neq(rk_session_load(other, bad, &err), RK_OK, "byte %zu", i);
        cr_assert_not_null(strstr(err.message, bad), "%s", err.message);
        bytes[i] ^= 0x11;
        cr_assert(test_write_file(bad, bytes, i));
        cr_assert_neq(rk_session_load(other, bad, &err), RK_OK, "%zu bytes", i);
    }
    rk_session *same = new_session(&m, NULL);
    feed(same, "b");
    test_same_states(rk_session_state(other), 0, rk_session_state(same), 0);
    cr_assert_eq(rk_session_load(other, path, NULL), RK_OK);
    test_same_states(rk_session_state(other), 0, rk_session_state(session), 0);
    free(bytes);
    rk_session_free(&same);
    rk_session_free(&other);
    rk_session_free(&session);
    test_machine_free(&m);
}

Test(session, another_model_is_refused) {
    test_machine words = test_machine_words("cpu fp32");
    test_machine demo = test_machine_demo("cpu fp32");
    rk_session *session = new_session(&words, NULL), *other = new_session(&demo, NULL);
    const char *path = test_scratch_path("session");
    rk_error err = {0};
    cr_assert_eq(rk_session_save(session, path, NULL), RK_OK);
    cr_assert_eq(rk_session_load(other, path, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, "n_embd 64"), "%s", err.message);
    rk_session_free(&session);
    rk_session_free(&other);
    rk_tokenizer_close(&demo.tokenizer);
    rk_context_free(&demo.context);
    rk_model_close(&demo.model);
    test_machine_free(&words);
}

typedef struct watcher {
    uint64_t last, total;
    size_t n_reports;
    uint64_t cancel_at;
} watcher;

static bool watch(void *user, uint64_t done, uint64_t total) {
    watcher *w = user;
    cr_assert_gt(done, w->last);
    w->last = done;
    w->total = total;
    w->n_reports++;
    return w->cancel_at == 0 || done < w->cancel_at;
}

Test(session, a_long_prompt_reports_and_can_be_cancelled) {
    enum { LENGTH = 5000 };
    test_machine m = test_machine_words("cpu fp32");
    char *prompt = malloc(LENGTH);
    memset(prompt, 'x', LENGTH);
    rk_session *session = new_session(&m, NULL);
    watcher w = {0};
    rk_generate_options options = {.progress = {watch, &w}, .slice = 100};
    size_t n_fed;
    rk_error err = {0};
    cr_assert_eq(rk_session_feed(session, prompt, LENGTH, &options, &n_fed, &err), RK_OK);
    cr_assert_eq(n_fed, LENGTH);
    cr_assert_eq(w.n_reports, 50);
    cr_assert_eq(w.total, LENGTH);
    w = (watcher){.cancel_at = 250};
    cr_assert_eq(rk_session_feed(session, prompt, LENGTH, &options, &n_fed, &err),
                 RK_ERR_CANCELLED);
    cr_assert_eq(n_fed, 300);
    free(prompt);
    rk_session_free(&session);
    test_machine_free(&m);
}

Test(session, tokens_are_shown_with_their_chances) {
    test_machine m = test_machine_demo("cpu fp32");
    const rk_sampler_options settings = {.temperature = 0, .top_p = 1};
    rk_session *session = new_session(&m, &settings);
    feed(session, "Once upon a ");
    const float *logits = rk_session_logits(session);
    cr_assert_not_null(logits);
    double sum = 0;
    size_t best = 0;
    for (size_t i = 0; i < 256; i++) {
        sum += exp((double)logits[i]);
        if (logits[i] > logits[best]) best = i;
    }
    const float expected = (float)((double)logits[best] - log(sum));
    test_listener l = {.length = 0};
    const rk_generate_options options = {
        .max_tokens = 1, .token = test_listen_token, .user = &l, .n_top = 5};
    cr_assert_eq(rk_session_generate(session, &options, NULL, NULL), RK_OK);
    cr_assert_eq(l.n_tokens, 1);
    cr_assert_eq(l.tokens[0], best);
    cr_assert_float_eq(l.log_p_sum, (double)expected, 1e-5);
    rk_session_free(&session);
    test_machine_free(&m);
}

Test(session, a_cleared_session_is_a_new_one) {
    test_machine m = test_machine_words("cpu fp32");
    rk_session *session = session_with_everything(&m), *fresh = new_session(&m, NULL);
    cr_assert_eq(rk_session_clear(session, NULL), RK_OK);
    cr_assert_null(rk_session_logits(session));
    test_same_states(rk_session_state(session), 0, rk_session_state(fresh), 0);
    test_listener l = {.length = 0};
    cr_assert(rk_session_flush(session, test_listen, &l));
    cr_assert_eq(l.length, 0);
    rk_session_free(&session);
    rk_session_free(&fresh);
    test_machine_free(&m);
}
