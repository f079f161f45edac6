// The loss of a text, against the definition.
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/eval.h"
#include "support/scratch.h"
#include "support/small_model.h"

// In long double, without care: exp(11000) is still in its range.
static double plain_loss(const float *logits, size_t n, uint32_t target) {
    long double sum = 0;
    for (size_t i = 0; i < n; i++) sum += expl((long double)logits[i]);
    return (double)(logl(sum) - (long double)logits[target]);
}

Test(loss, of_random_logits) {
    static const float scales[] = {1e-6F, 1, 20, 300, 5000};
    static const size_t sizes[] = {1, 2, 5, 256, 65536};
    for (size_t s = 0; s < 5; s++) {
        for (size_t k = 0; k < 5; k++) {
            const size_t n = sizes[k];
            float *logits = malloc(n * sizeof *logits);
            test_fill(logits, n, scales[s], (unsigned)(s * 5 + k));
            for (uint32_t target = 0; target < n; target += (uint32_t)(n / 7 + 1)) {
                const double expected = plain_loss(logits, n, target);
                const double found = rk_token_loss(logits, n, target);
                cr_assert_float_eq(found, expected, 1e-12 * (1 + expected),
                                   "%zu tokens, scale %g: %g, %g", n, (double)scales[s], found,
                                   expected);
            }
            free(logits);
        }
    }
}

Test(loss, of_known_logits) {
    const float equal[] = {7, 7, 7, 7};
    cr_assert_float_eq(rk_token_loss(equal, 4, 2), log(4), 1e-15);
    const float sure[] = {0, 100};
    cr_assert_float_eq(rk_token_loss(sure, 2, 0), 100, 1e-12);
    cr_assert_float_eq(rk_token_loss(sure, 2, 1), exp(-100), 1e-15);
    cr_assert_eq(rk_token_loss((const float[]){-3}, 1, 0), 0);
}

Test(loss, of_extreme_logits) {
    const float far[] = {FLT_MAX, -FLT_MAX};
    cr_assert_eq(rk_token_loss(far, 2, 0), 0);
    cr_assert_eq(rk_token_loss(far, 2, 1), 2 * (double)FLT_MAX);
    const float banned[] = {0, -INFINITY, 0};
    cr_assert_float_eq(rk_token_loss(banned, 3, 0), log(2), 1e-15);
    cr_assert_eq(rk_token_loss(banned, 3, 1), INFINITY);
}

Test(loss, of_broken_logits_is_nan) {
    for (uint32_t target = 0; target < 3; target++) {
        cr_assert(isnan(rk_token_loss((const float[]){0, NAN, 1}, 3, target)));
        cr_assert(isnan(rk_token_loss((const float[]){NAN, 0, 1}, 3, target)));
        cr_assert(isnan(rk_token_loss((const float[]){0, 1, INFINITY}, 3, target)));
        cr_assert(
            isnan(rk_token_loss((const float[]){-INFINITY, -INFINITY, -INFINITY}, 3, target)));
    }
}

typedef struct machine {
    rk_model *model;
    rk_context *context;
    rk_state *state;
} machine;

static machine start(const char *path) {
    machine m = {0};
    rk_error err = {0};
    cr_assert_eq(rk_model_open(&m.model, path, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_context_new(&m.context, m.model, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&m.state, m.model, 2, &err), RK_OK, "%s", err.message);
    return m;
}

static machine start_small(size_t n_vocab) {
    const char *path = test_scratch_path(n_vocab == 41 ? "other.pth" : "small.pth");
    const test_small_model sizes = {
        .n_vocab = n_vocab, .n_embd = 16, .n_layer = 2, .n_ffn = 32, .seed = 3};
    cr_assert(test_small_model_write(path, &sizes));
    return start(path);
}

static void stop(machine *m) {
    rk_state_free(&m->state);
    rk_context_free(&m->context);
    rk_model_close(&m->model);
    test_scratch_remove();
}

static void make_tokens(uint32_t *tokens, size_t n, size_t n_vocab) {
    for (size_t i = 0; i < n; i++)
        tokens[i] = (uint32_t)(i * i * 31 + i * 7 + 5) % (uint32_t)n_vocab;
}

// Mean and standard error, token by token, the plain way. Leaves sequence 0 after the last token.
static rk_loss plain_stream(machine *m, const uint32_t *tokens, size_t n_tokens) {
    const size_t n_vocab = rk_model_describe(m->model)->dims.n_vocab;
    float *logits = malloc(n_vocab * sizeof *logits);
    double *losses = malloc(n_tokens * sizeof *losses), sum = 0, squares = 0;
    const double n = (double)(n_tokens - 1);
    cr_assert_eq(rk_state_clear(m->state, 0, NULL), RK_OK);
    for (size_t i = 0; i < n_tokens; i++) {
        cr_assert_eq(rk_eval(m->context, m->state, &tokens[i], 1, RK_LOGITS_LAST, logits, NULL),
                     RK_OK);
        if (i + 1 == n_tokens) break;
        losses[i] = plain_loss(logits, n_vocab, tokens[i + 1]);
        sum += losses[i];
    }
    for (size_t i = 0; i + 1 < n_tokens; i++)
        squares += (losses[i] - sum / n) * (losses[i] - sum / n);
    free(logits);
    free(losses);
    return (rk_loss){.n_tokens = n_tokens - 1,
                     .mean = sum / n,
                     .standard_error = n > 1 ? sqrt(squares / (n - 1) / n) : 0};
}

static void check_stream(machine *m, size_t n_tokens) {
    uint32_t *tokens = malloc(n_tokens * sizeof *tokens);
    make_tokens(tokens, n_tokens, rk_model_describe(m->model)->dims.n_vocab);
    const rk_loss expected = plain_stream(m, tokens, n_tokens);
    rk_loss loss = {0};
    rk_error err = {0};
    // The state that plain_stream left must not matter.
    cr_assert_eq(rk_eval_stream(m->context, m->state, tokens, n_tokens, NULL, &loss, &err), RK_OK,
                 "%s", err.message);
    cr_assert_eq(loss.n_tokens, n_tokens - 1);
    cr_assert_float_eq(loss.mean, expected.mean, 1e-5 * expected.mean);
    cr_assert_float_eq(loss.standard_error, expected.standard_error,
                       1e-4 * expected.standard_error);
    cr_assert_float_eq(loss.perplexity, exp(loss.mean), 1e-12 * loss.perplexity);
    cr_assert_float_eq(loss.perplexity_error, loss.perplexity * loss.standard_error,
                       1e-12 * loss.perplexity);
    free(tokens);
}

Test(loss, of_texts_of_any_length) {
    static const size_t lengths[] = {2, 3, 255, 256, 257, 258, 600};
    machine m = start_small(40);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) check_stream(&m, lengths[i]);
    stop(&m);
}

typedef struct watcher {
    uint64_t total, last, calls, cancel_at;
} watcher;

static bool watch(void *user, uint64_t done, uint64_t total) {
    watcher *w = user;
    cr_assert_eq(total, w->total);
    cr_assert(done > w->last && done <= total);
    w->last = done;
    return ++w->calls != w->cancel_at;
}

// The logits of 128 tokens of this vocabulary are all that 32 MB hold.
Test(loss, of_a_large_vocabulary_in_bounded_memory) {
    enum { N = 130 };
    machine m = start_small(65536);
    check_stream(&m, N);
    uint32_t tokens[N];
    make_tokens(tokens, N, 65536);
    rk_loss loss;
    watcher w = {.total = N - 1, .cancel_at = 1};
    const rk_progress progress = {.report = watch, .user = &w};
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, N, &progress, &loss, NULL),
                 RK_ERR_CANCELLED);
    cr_assert_eq(w.last, 128);
    stop(&m);
}

static void export_state(const rk_state *state, size_t sequence, float *flat, size_t n) {
    cr_assert_eq(rk_state_export(state, sequence, flat, n, NULL), RK_OK);
}

Test(loss, leaves_the_state_at_the_end_of_the_text) {
    enum { N = 300 };
    machine m = start_small(40);
    uint32_t tokens[N];
    make_tokens(tokens, N, 40);
    const size_t n_floats = rk_model_describe(m.model)->state_floats;
    float *expected = malloc(n_floats * sizeof *expected),
          *found = malloc(n_floats * sizeof *found);
    float *other = malloc(n_floats * sizeof *other);
    plain_stream(&m, tokens, N);
    export_state(m.state, 0, expected, n_floats);
    cr_assert_eq(rk_state_copy(m.state, 1, m.state, 0, NULL), RK_OK);

    rk_loss loss;
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, N, NULL, &loss, NULL), RK_OK);
    export_state(m.state, 0, found, n_floats);
    export_state(m.state, 1, other, n_floats);
    for (size_t i = 0; i < n_floats; i++) {
        cr_assert(fabsf(found[i] - expected[i]) <= 1e-4F * (1 + fabsf(expected[i])));
    }
    cr_assert_eq(memcmp(other, expected, n_floats * sizeof *other), 0,
                 "another sequence has changed");
    free(expected);
    free(found);
    free(other);
    stop(&m);
}

Test(loss, tells_how_far_it_is_and_can_be_cancelled) {
    enum { N = 600 };
    machine m = start_small(40);
    uint32_t tokens[N];
    make_tokens(tokens, N, 40);
    rk_loss loss = {.n_tokens = 77};
    watcher w = {.total = N - 1}; // the last token predicts nothing
    const rk_progress progress = {.report = watch, .user = &w};
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, N, &progress, &loss, NULL), RK_OK);
    cr_assert_eq(w.last, N - 1);
    cr_assert_eq(w.calls, 3); // 256, 512, 599

    w = (watcher){.total = N - 1, .cancel_at = 2};
    loss.n_tokens = 77;
    rk_error err = {0};
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, N, &progress, &loss, &err),
                 RK_ERR_CANCELLED);
    cr_assert_not_null(strstr(err.message, "512 of 599"), "%s", err.message);
    cr_assert_eq(w.calls, 2);
    cr_assert_eq(loss.n_tokens, 77);
    stop(&m);
}

Test(loss, needs_two_tokens) {
    machine m = start_small(40);
    const uint32_t tokens[] = {1, 2};
    rk_loss loss;
    rk_error err = {0};
    cr_assert_eq(rk_eval_stream(m.context, m.state, NULL, 0, NULL, &loss, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, 1, NULL, &loss, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "a text of 1 token"), "%s", err.message);
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, 2, NULL, &loss, &err), RK_OK);
    cr_assert_eq(loss.n_tokens, 1);
    cr_assert_eq(loss.standard_error, 0);
    stop(&m);
}

Test(loss, refuses_tokens_outside_the_vocabulary) {
    machine m = start_small(40);
    // The last one is only ever a target of the chunk before it.
    uint32_t tokens[257] = {0};
    tokens[256] = 40;
    rk_loss loss;
    rk_error err = {0};
    cr_assert_eq(rk_eval_stream(m.context, m.state, tokens, 257, NULL, &loss, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "token 256 of the text is 40"), "%s", err.message);
    stop(&m);
}

Test(loss, refuses_the_state_of_another_model) {
    machine m = start_small(40), other = start_small(41);
    const uint32_t tokens[] = {1, 2, 3};
    rk_loss loss;
    cr_assert_eq(rk_eval_stream(m.context, other.state, tokens, 3, NULL, &loss, NULL),
                 RK_ERR_MISMATCH);
    stop(&other);
    stop(&m);
}

static void set_all(test_small_tensors *tensors, const char *name, size_t n, float value) {
    float *values = test_small_model_find(tensors, name);
    for (size_t i = 0; i < n; i++) values[i] = value;
}

// All weights are finite, but the logits after token 39, and only these, are beyond float32:
// infinite, or the sum of two infinities that is NaN. The layer adds nothing to the embedding.
static void break_token(test_small_tensors *tensors, size_t n_embd, bool is_nan) {
    set_all(tensors, "blocks.0.att.output.weight", n_embd * n_embd, 0);
    set_all(tensors, "blocks.0.ffn.value.weight", n_embd * n_embd, 0);
    set_all(tensors, "blocks.0.ln0.weight", n_embd, 1);
    set_all(tensors, "blocks.0.ln0.bias", n_embd, 0);
    set_all(tensors, "ln_out.weight", n_embd, 1);
    set_all(tensors, "ln_out.bias", n_embd, 0);
    float *emb = test_small_model_find(tensors, "emb.weight");
    float *head = test_small_model_find(tensors, "head.weight");
    for (size_t i = 0; i < n_embd; i++) {
        emb[i] = i < 3 || i > 4 ? 1.0F - 2.0F * (float)(i % 2) : 0; // token 0
        emb[39 * n_embd + i] = i == 3 ? 1.0F : i == 4 && is_nan ? -1.0F : 0.0F;
        head[i] = i == 3 || i == 4 ? FLT_MAX : 0;
    }
}

static void check_broken(bool is_nan, size_t at, size_t n_tokens, bool fails) {
    const char *path = test_scratch_path("broken.pth");
    const test_small_model sizes = {
        .n_vocab = 40, .n_embd = 16, .n_layer = 1, .n_ffn = 16, .seed = 8};
    test_small_tensors tensors = test_small_model_new(&sizes);
    break_token(&tensors, sizes.n_embd, is_nan);
    cr_assert(test_pth_write(path, tensors.tensors, tensors.count));
    test_small_model_free(&tensors);

    machine m = start(path);
    uint32_t *tokens = calloc(n_tokens, sizeof *tokens);
    tokens[at] = 39;
    rk_loss loss;
    rk_error err = {0};
    const rk_status status =
        rk_eval_stream(m.context, m.state, tokens, n_tokens, NULL, &loss, &err);
    cr_assert_eq(status, fails ? RK_ERR_RANGE : RK_OK);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "after token %zu of the text", at);
    if (fails) cr_assert_not_null(strstr(err.message, expected), "%s", err.message);
    free(tokens);
    stop(&m);
}

Test(loss, names_the_position_of_a_broken_logit) {
    check_broken(true, 0, 10, true);
    check_broken(false, 7, 10, true);
    check_broken(true, 256, 400, true);
    check_broken(true, 298, 300, true);
    check_broken(true, 299, 300, false); // nothing is scored with the logits after the last token
}
