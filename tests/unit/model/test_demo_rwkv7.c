// The RWKV-7 demo model, from its checkpoint and from every file made of it that loses nothing: the
// logits of the float64 reference, and the loss that its report gives for the test text.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "rk/eval.h"
#include "support/model_fixture.h"
#include "support/scratch.h"

TestSuite(demo_rwkv7, .fini = test_scratch_remove);

static const char checkpoint[] = RK_MODELS "/demo/demo-rwkv7.pth";
static const char prompt[] = "Once upon a time, ";
enum { N_VOCAB = 256, N_PROMPT = sizeof prompt - 1 };

static uint32_t *read_text(const char *path, size_t *n) {
    unsigned char *bytes = test_read_file(path, n);
    cr_assert_not_null(bytes, "%s", path);
    uint32_t *tokens = calloc(*n, sizeof tokens[0]);
    for (size_t i = 0; i < *n; i++) tokens[i] = bytes[i];
    free(bytes);
    return tokens;
}

// The loss of the whole text as one stream, in nats a byte, of the checkpoint's bfloat16 weights.
static double reported_loss(void) {
    static const char *const way[] = {
        "\"test.txt\":", "\"bf16\":", "\"stream\":", "\"nats_per_byte\":"};
    size_t size;
    unsigned char *report = test_read_file(RK_MODELS "/demo/demo7-report.json", &size);
    cr_assert_not_null(report);
    report[size - 1] = '\0';
    const char *at = (const char *)report;
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        at = strstr(at, way[i]);
        cr_assert_not_null(at, "the report has no %s", way[i]);
        at += strlen(way[i]);
    }
    const double loss = strtod(at, NULL);
    free(report);
    return loss;
}

static void check_logits(rk_context *context, rk_state *state, const char *what) {
    size_t size;
    unsigned char *expected =
        test_read_file(RK_MODELS "/demo/demo-rwkv7-expected-logits.bin", &size);
    cr_assert(expected != NULL && size == N_VOCAB * sizeof(float));
    uint32_t tokens[N_PROMPT];
    for (size_t i = 0; i < N_PROMPT; i++) tokens[i] = (unsigned char)prompt[i];
    float logits[N_VOCAB];
    rk_error err = {0};
    cr_assert_eq(rk_eval(context, state, tokens, N_PROMPT, RK_LOGITS_LAST, logits, &err), RK_OK,
                 "%s", err.message);
    const double apart = test_max_difference(logits, (const float *)(void *)expected, N_VOCAB);
    fprintf(stderr, "%s: logits off by %g at most\n", what, apart);
    cr_assert_leq(apart, 1e-3, "%s: off by %g", what, apart);
    free(expected);
}

static void check_loss(rk_context *context, rk_state *state, const char *what) {
    size_t n;
    uint32_t *tokens = read_text(RK_MODELS "/demo/data/test.txt", &n);
    rk_loss loss = {0};
    rk_error err = {0};
    cr_assert_eq(rk_eval_stream(context, state, tokens, n, NULL, &loss, &err), RK_OK, "%s",
                 err.message);
    free(tokens);
    cr_assert_eq(loss.n_tokens, n - 1);
    const double expected = reported_loss();
    fprintf(stderr, "%s: loss %.6f, reported %.5f\n", what, loss.mean, expected);
    cr_assert_float_eq(loss.mean, expected, 1e-3 * expected, "%s: loss %.6f, expected %.5f", what,
                       loss.mean, expected);
}

static void check(const char *path, const char *strategy) {
    rk_model *model = NULL;
    rk_pool *pool = NULL;
    rk_context *context = NULL;
    rk_state *state = NULL;
    rk_error err = {0};
    const rk_model_options options = {.strategy = strategy};
    char what[800];
    (void)snprintf(what, sizeof what, "%s (%s)", path, strategy);
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_pool_new(&pool, NULL, &err), RK_OK, "%s", err.message);
    const rk_context_options context_options = {.pool = pool};
    cr_assert_eq(rk_context_new(&context, model, &context_options, &err), RK_OK);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK);
    check_logits(context, state, what);
    check_loss(context, state, what);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_pool_free(&pool);
    rk_model_close(&model);
}

static void check_converted(rk_dtype dtype) {
    const char *path = test_scratch_path("demo7.bin");
    const rk_convert_options options = {.dtype = dtype, .no_sync = true};
    rk_error err = {0};
    cr_assert_eq(rk_convert(checkpoint, path, &options, NULL, &err), RK_OK, "%s", err.message);
    check(path, "cpu");
}

Test(demo_rwkv7, from_the_checkpoint) {
    check(checkpoint, "cpu");
}
Test(demo_rwkv7, from_the_checkpoint_in_fp32) {
    check(checkpoint, "cpu fp32");
}
Test(demo_rwkv7, from_an_fp32_file) {
    check_converted(RK_DTYPE_F32);
}
Test(demo_rwkv7, from_an_fp16_file) {
    check_converted(RK_DTYPE_F16);
}
