// Scorers, against the definitions computed token by token.
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scorer_machine.h"
#include "support/scratch.h"

enum { N_VOCAB = 40, N_PASSAGES = 60, MOST_TOKENS = 700 };

// Passages of all lengths: of nothing to score, of one token, longer than a step; scored from the
// second token on, or later.
static size_t make_passages(rk_passage passages[N_PASSAGES], uint32_t *tokens) {
    static const size_t lengths[] = {2, 1, 30, 3, 300, 2, 17, 5, 700, 64, 65, 4, 1, 128};
    size_t at = 0;
    for (size_t i = 0; i < N_PASSAGES; i++) {
        const size_t n = lengths[i % 14];
        passages[i] = (rk_passage){tokens + at, n, i % 3 == 0 ? 1 : (n + 1) / 2};
        if (i % 7 == 6) passages[i].first_scored = n;
        test_make_tokens(tokens + at, n, N_VOCAB, (unsigned)i);
        at += n;
    }
    return at;
}

static double plain_loss(const float *logits, uint32_t target) {
    long double sum = 0;
    for (size_t i = 0; i < N_VOCAB; i++) sum += expl((long double)logits[i]);
    return (double)(logl(sum) - (long double)logits[target]);
}

static double plain_divergence(const float *p, const float *q) {
    double sum = 0;
    for (uint32_t i = 0; i < N_VOCAB; i++) {
        const double log_p = -plain_loss(p, i);
        sum += exp(log_p) * (log_p + plain_loss(q, i));
    }
    return sum;
}

static size_t plain_best(const float *logits) {
    size_t best = 0;
    for (size_t i = 1; i < N_VOCAB; i++) best = logits[i] > logits[best] ? i : best;
    return best;
}

// Every score of one passage, with a fresh run for each.
static void check_passage(const test_machine *m, const test_machine *base, const rk_passage *p,
                          const rk_token_score *scores) {
    for (size_t i = p->first_scored; i < p->n_tokens; i++, scores++) {
        float *logits = test_logits_after(m, p->tokens, i);
        cr_assert_float_eq(scores->loss, plain_loss(logits, p->tokens[i]), 1e-6);
        cr_assert_eq(scores->best, plain_best(logits));
        if (base != NULL) {
            float *other = test_logits_after(base, p->tokens, i);
            const double divergence = plain_divergence(other, logits);
            cr_assert_float_eq(scores->base_loss, plain_loss(other, p->tokens[i]), 1e-6);
            cr_assert_float_eq(scores->divergence, divergence, 1e-6 * (1 + divergence));
            cr_assert_eq(scores->base_best, plain_best(other));
            free(other);
        } else {
            cr_assert_eq(scores->base_loss, 0);
            cr_assert_eq(scores->divergence, 0);
        }
        free(logits);
    }
}

Test(scorer, passages_of_any_length) {
    test_machine m = test_machine_small("a.pth", 3);
    static const size_t lengths[] = {2, 3, 9, 1, 40};
    uint32_t tokens[40];
    test_make_tokens(tokens, 40, N_VOCAB, 0);
    for (size_t i = 0; i < 5; i++) {
        for (size_t first = 1; first <= lengths[i]; first += 3) {
            const rk_passage p = {tokens, lengths[i], first};
            rk_token_score *scores = test_score(&m, &p, 1, NULL);
            check_passage(&m, NULL, &p, scores);
            free(scores);
        }
    }
    test_machine_close(&m);
    test_scratch_remove();
}

Test(scorer, beside_a_base) {
    test_machine m = test_machine_small("a.pth", 3), base = test_machine_small("b.pth", 4);
    uint32_t tokens[20];
    test_make_tokens(tokens, 20, N_VOCAB, 1);
    const rk_passage passages[] = {{tokens, 12, 1}, {tokens + 12, 8, 3}};
    const rk_scorer_options options = {.base = base.context};
    rk_token_score *scores = test_score(&m, passages, 2, &options);
    check_passage(&m, &base, &passages[0], scores);
    check_passage(&m, &base, &passages[1], scores + 11);
    free(scores);
    test_machine_close(&m);
    test_machine_close(&base);
    test_scratch_remove();
}

// How passages are put together must not show, to the last bit.
Test(scorer, does_not_depend_on_what_is_computed_together) {
    test_machine m = test_machine_small("a.pth", 3), base = test_machine_small("b.pth", 4);
    static rk_passage passages[N_PASSAGES];
    uint32_t *tokens = malloc(N_PASSAGES * MOST_TOKENS * sizeof *tokens);
    make_passages(passages, tokens);
    const size_t n = rk_passages_scores(passages, N_PASSAGES);
    const rk_scorer_options single = {.n_sequences = 1, .base = base.context};
    rk_token_score *expected = test_score(&m, passages, N_PASSAGES, &single);

    rk_pool *pool = NULL;
    const rk_pool_options three = {.n_threads = 3};
    cr_assert_eq(rk_pool_new(&pool, &three, NULL), RK_OK);
    static const size_t n_sequences[] = {0, 2, 7, 100};
    for (size_t i = 0; i < 4; i++) {
        const rk_scorer_options options = {
            .pool = pool, .n_sequences = n_sequences[i], .base = base.context};
        rk_token_score *scores = test_score(&m, passages, N_PASSAGES, &options);
        cr_assert_eq(memcmp(scores, expected, n * sizeof *scores), 0, "%zu sequences",
                     n_sequences[i]);
        free(scores);
    }
    size_t at = 0; // each passage alone, in one scorer or not
    for (size_t i = 0; i < N_PASSAGES; i++) {
        rk_token_score *scores = test_score(&m, &passages[i], 1, &single);
        const size_t count = rk_passages_scores(&passages[i], 1);
        cr_assert_eq(memcmp(scores, expected + at, count * sizeof *scores), 0, "passage %zu", i);
        at += count;
        free(scores);
    }
    cr_assert_eq(at, n);
    free(expected);
    free(tokens);
    rk_pool_free(&pool);
    test_machine_close(&m);
    test_machine_close(&base);
    test_scratch_remove();
}

// Parts fill in what is theirs, to the last bit, and nothing else.
Test(scorer, parts_together_are_the_whole) {
    test_machine m = test_machine_small("a.pth", 3), base = test_machine_small("b.pth", 4);
    static rk_passage passages[N_PASSAGES];
    uint32_t *tokens = malloc(N_PASSAGES * MOST_TOKENS * sizeof *tokens);
    make_passages(passages, tokens);
    const size_t n = rk_passages_scores(passages, N_PASSAGES);
    const rk_scorer_options whole = {.base = base.context};
    rk_token_score *expected = test_score(&m, passages, N_PASSAGES, &whole);
    for (size_t n_parts = 1; n_parts < 5; n_parts++) {
        rk_token_score *scores = malloc(n * sizeof *scores);
        memset(scores, 0xa5, n * sizeof *scores);
        size_t n_left = n; // scores that nobody has filled in
        for (size_t part = n_parts; part-- > 0;) {
            const rk_scorer_options options = {
                .base = base.context, .part = part, .n_parts = n_parts};
            rk_scorer *scorer = NULL;
            cr_assert_eq(rk_scorer_new(&scorer, m.context, &options, NULL), RK_OK);
            cr_assert_eq(rk_scorer_run(scorer, passages, N_PASSAGES, 0, NULL, scores, NULL), RK_OK);
            rk_scorer_free(&scorer);
            size_t untouched = 0;
            for (size_t i = 0; i < n; i++) untouched += scores[i].best == 0xa5a5a5a5;
            cr_assert(untouched < n_left, "part %zu of %zu does nothing", part, n_parts);
            n_left = untouched;
        }
        cr_assert_eq(memcmp(scores, expected, n * sizeof *scores), 0, "%zu parts", n_parts);
        free(scores);
    }
    free(expected);
    free(tokens);
    test_machine_close(&m);
    test_machine_close(&base);
    test_scratch_remove();
}

// Every passage is in one group; a group begins where the one before ends; empty lists have none.
Test(scorer, groups) {
    static rk_passage passages[N_PASSAGES];
    uint32_t *tokens = malloc(N_PASSAGES * MOST_TOKENS * sizeof *tokens);
    make_passages(passages, tokens);
    size_t n_groups = 0;
    for (size_t first = 0; first < N_PASSAGES; n_groups++) {
        const size_t end = rk_passages_group_end(passages, N_PASSAGES, first);
        cr_assert(first < end && end <= N_PASSAGES);
        first = end;
    }
    cr_assert(n_groups >= 4 && n_groups < N_PASSAGES / 4, "%zu", n_groups);
    const rk_passage long_one = {tokens, SIZE_MAX / 2, 1};
    cr_assert_eq(rk_passages_group_end(&long_one, 1, 0), 1);
    cr_assert_eq(rk_passages_group_end(passages, 0, 0), 0);
    free(tokens);
}

Test(scorer, refuses_parts_that_are_none) {
    test_machine m = test_machine_small("a.pth", 3);
    static const size_t parts[][2] = {{1, 1}, {2, 2}, {1, 0}, {SIZE_MAX, 3}};
    for (size_t i = 0; i < 4; i++) {
        const rk_scorer_options options = {.part = parts[i][0], .n_parts = parts[i][1]};
        rk_scorer *scorer = NULL;
        rk_error err;
        cr_assert_eq(rk_scorer_new(&scorer, m.context, &options, &err), RK_ERR_ARGUMENT, "%zu", i);
        cr_assert_null(scorer);
    }
    test_machine_close(&m);
    test_scratch_remove();
}

Test(scorer, a_model_is_no_distance_from_itself) {
    test_machine m = test_machine_small("a.pth", 3),
                 same = test_machine_open(test_scratch_path("a.pth"));
    uint32_t tokens[500];
    test_make_tokens(tokens, 500, N_VOCAB, 2);
    const rk_passage p = {tokens, 500, 1};
    const rk_scorer_options options = {.base = same.context};
    rk_token_score *scores = test_score(&m, &p, 1, &options);
    rk_comparison c;
    cr_assert_eq(rk_summarize_comparison(&c, scores, 499, NULL, NULL), RK_OK);
    cr_assert_eq(c.divergence.mean, 0);
    cr_assert_eq(c.largest, 0);
    cr_assert_eq(c.loss_change.mean, 0);
    cr_assert_eq(c.perplexity_change.mean, 0);
    cr_assert_eq(c.agreement.mean, 1);
    cr_assert_eq(c.probability_rms, 0);
    free(scores);
    test_machine_close(&m);
    test_machine_close(&same);
    test_scratch_remove();
}

// ---- refusals

static rk_status run(const test_machine *m, const rk_passage *passages, size_t n,
                     const rk_scorer_options *options, const rk_progress *progress, rk_error *err) {
    rk_scorer *scorer = NULL;
    rk_status status = rk_scorer_new(&scorer, m->context, options, err);
    if (status != RK_OK) return status;
    rk_token_score *scores = malloc((rk_passages_scores(passages, n) + 1) * sizeof *scores);
    status = rk_scorer_run(scorer, passages, n, 0, progress, scores, err);
    free(scores);
    rk_scorer_free(&scorer);
    return status;
}

Test(scorer, refuses_what_cannot_be_scored) {
    test_machine m = test_machine_small("a.pth", 3);
    const uint32_t tokens[] = {1, 2, 3, N_VOCAB};
    const rk_passage outside[] = {{tokens, 3, 1}, {tokens, 4, 2}};
    rk_error err = {0};
    cr_assert_eq(run(&m, outside, 2, NULL, NULL, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "token 3 of passage 1 is 40;"), "%s", err.message);
    const rk_passage zero = {tokens, 3, 0}, beyond = {tokens, 2, 3};
    cr_assert_eq(run(&m, &zero, 1, NULL, NULL, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(run(&m, &beyond, 1, NULL, NULL, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(run(&m, NULL, 0, NULL, NULL, &err), RK_OK);
    test_machine_close(&m);
    test_scratch_remove();
}

Test(scorer, refuses_a_base_of_another_vocabulary) {
    test_machine m = test_machine_small("a.pth", 3);
    const char *path = test_scratch_path("other.pth");
    const test_small_model sizes = {
        .n_vocab = 41, .n_embd = 16, .n_layer = 2, .n_ffn = 32, .seed = 3};
    cr_assert(test_small_model_write(path, &sizes));
    test_machine other = test_machine_open(path);
    const rk_scorer_options options = {.base = other.context};
    rk_scorer *scorer = (rk_scorer *)&options;
    rk_error err = {0};
    cr_assert_eq(rk_scorer_new(&scorer, m.context, &options, &err), RK_ERR_MISMATCH);
    cr_assert_null(scorer);
    cr_assert_not_null(strstr(err.message, "40 tokens"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "one of 41"), "%s", err.message);
    test_machine_close(&m);
    test_machine_close(&other);
    test_scratch_remove();
}

static bool stop_at_once(void *user, uint64_t done, uint64_t total) {
    uint64_t *seen = user;
    seen[0] = done;
    seen[1] = total;
    return false;
}

Test(scorer, can_be_cancelled) {
    test_machine m = test_machine_small("a.pth", 3);
    static uint32_t tokens[2000];
    test_make_tokens(tokens, 2000, N_VOCAB, 0);
    const rk_passage passages[] = {{tokens, 1, 1}, {tokens, 1999, 1}};
    uint64_t seen[2] = {0};
    const rk_progress progress = {.report = stop_at_once, .user = seen};
    rk_error err = {0};
    cr_assert_eq(run(&m, passages, 2, NULL, &progress, &err), RK_ERR_CANCELLED);
    cr_assert_eq(seen[1], 1998);
    cr_assert(seen[0] > 0 && seen[0] < 1998, "%zu", (size_t)seen[0]);
    test_machine_close(&m);
    test_scratch_remove();
}

// ---- where values stop being finite

enum { EMBD = 16, LAYERS = 3, BAD_TOKEN = 39 };

static void fill(test_small_tensors *tensors, const char *name, size_t n, float value) {
    float *values = test_small_model_find(tensors, name);
    cr_assert_not_null(values, "%s", name);
    for (size_t i = 0; i < n; i++) values[i] = value;
}

// Layers that add nothing, and an embedding whose last channel belongs to BAD_TOKEN alone.
static test_small_tensors quiet_model(void) {
    const test_small_model sizes = {
        .n_vocab = N_VOCAB, .n_embd = EMBD, .n_layer = LAYERS, .n_ffn = 16, .seed = 8};
    test_small_tensors t = test_small_model_new(&sizes);
    for (size_t layer = 0; layer < LAYERS; layer++) {
        char name[64];
        (void)snprintf(name, sizeof name, "blocks.%zu.att.output.weight", layer);
        fill(&t, name, EMBD * EMBD, 0);
        (void)snprintf(name, sizeof name, "blocks.%zu.ffn.value.weight", layer);
        fill(&t, name, EMBD * EMBD, 0);
    }
    return t;
}

// Breaks a matrix so that its output is beyond float32 for every token, with finite weights.
static void check_layer(const char *tensor, size_t n, const char *expected) {
    test_small_tensors t = quiet_model();
    // The weights that read the output of this one are quiet ones, or the last layer norm.
    fill(&t, tensor, n, FLT_MAX);
    const char *path = test_scratch_path("broken.pth");
    cr_assert(test_pth_write(path, t.tensors, t.count));
    test_small_model_free(&t);
    test_machine m = test_machine_open(path);
    uint32_t tokens[9];
    test_make_tokens(tokens, 9, N_VOCAB, 0);
    const rk_passage p = {tokens, 9, 5};
    rk_error err = {0};
    cr_assert_eq(run(&m, &p, 1, NULL, NULL, &err), RK_ERR_RANGE, "%s", tensor);
    cr_assert_not_null(strstr(err.message, "after token 4 of the text"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, expected), "%s: %s", tensor, err.message);
    cr_assert_not_null(strstr(err.message, "broken.pth"), "%s", err.message);
    test_machine_close(&m);
    test_scratch_remove();
}

Test(scorer, names_the_embedding) {
    check_layer("blocks.0.ln0.weight", EMBD, "; it begins with the embedding");
}

Test(scorer, names_time_mixing) {
    check_layer("blocks.1.att.output.weight", EMBD * EMBD,
                "; it begins with layer 1's time mixing");
}

Test(scorer, names_channel_mixing) {
    check_layer("blocks.1.ffn.value.weight", EMBD * EMBD,
                "; it begins with layer 1's channel mixing");
}

Test(scorer, names_the_last_layer) {
    check_layer("blocks.2.ffn.value.weight", EMBD * EMBD,
                "; it begins with layer 2's channel mixing");
}

Test(scorer, names_the_head) {
    check_layer("head.weight", N_VOCAB * EMBD, "; it begins with the head");
}
