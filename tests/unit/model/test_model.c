// Models: the demo model's logits against its reference, whatever is computed together and by how
// many threads.
#include "rk/convert.h"
#include "rk/model.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char model_path[] = RK_MODELS "/demo/demo-rwkv4.pth";
static const char prompt[] = "Once upon a time, ";
enum { N_VOCAB = 256, N_PROMPT = sizeof prompt - 1 };

static rk_model *open_path(const char *path, const char *strategy) {
    rk_model *model = NULL;
    rk_error err;
    const rk_model_options options = {.strategy = strategy};
    cr_assert_eq(rk_model_open(&model, path, &options, &err), RK_OK, "%s", err.message);
    return model;
}

static rk_model *open_model(const char *strategy) {
    return open_path(model_path, strategy);
}

static rk_context *new_context(rk_model *model, rk_pool *pool, size_t max_chunk) {
    rk_context *context = NULL;
    rk_error err;
    const rk_context_options options = {.pool = pool, .max_chunk = max_chunk};
    cr_assert_eq(rk_context_new(&context, model, &options, &err), RK_OK, "%s", err.message);
    return context;
}

static rk_state *new_state(rk_model *model, size_t n) {
    rk_state *state = NULL;
    rk_error err;
    cr_assert_eq(rk_state_new(&state, model, n, &err), RK_OK, "%s", err.message);
    return state;
}

static void tokens_of(const char *text, uint32_t *tokens) {
    for (size_t i = 0; text[i] != '\0'; i++) tokens[i] = (unsigned char)text[i];
}

static void eval(rk_context *context, rk_state *state, const uint32_t *tokens, size_t n,
                 rk_logits wanted, float *logits) {
    rk_error err;
    cr_assert_eq(rk_eval(context, state, tokens, n, wanted, logits, &err), RK_OK, "%s",
                 err.message);
}

static void read_expected(float expected[N_VOCAB], const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(expected, sizeof expected[0], N_VOCAB, file), (size_t)N_VOCAB);
    fclose(file);
}

static float max_difference(const float *a, const float *b, size_t n) {
    float max = 0.0F;
    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(a[i] - b[i]) <= max)) max = fabsf(a[i] - b[i]);
    }
    return max;
}

Test(model, describes_itself) {
    rk_model *model = open_model(NULL);
    const rk_model_info *info = rk_model_describe(model);
    cr_assert_eq(info->arch, RK_ARCH_RWKV4);
    cr_assert_str_eq(info->arch_name, "RWKV-4");
    cr_assert_eq(info->dims.n_vocab, 256);
    cr_assert_eq(info->dims.n_embd, 192);
    cr_assert_eq(info->dims.n_layer, 5);
    cr_assert_eq(info->dims.n_ffn, 768);
    cr_assert_eq(info->n_parameters, 2505792);
    cr_assert_eq(info->state_floats, 5 * 5 * 192);
    cr_assert_eq(info->dtype, RK_DTYPE_BF16);
    rk_model_close(&model);
    cr_assert_null(model);
}

// The logits after the prompt, for several types that lose nothing and several chunks.
static void check_prompt(const char *path, const char *expected_path) {
    float expected[N_VOCAB];
    read_expected(expected, expected_path);
    uint32_t tokens[N_PROMPT];
    tokens_of(prompt, tokens);
    static const char *const strategies[] = {"cpu", "cpu fp32", "cpu bf16"};
    static const size_t chunks[] = {1, 2, 7, 64};
    for (size_t s = 0; s < 3; s++) {
        rk_model *model = open_path(path, strategies[s]);
        for (size_t c = 0; c < 4; c++) {
            rk_context *context = new_context(model, NULL, chunks[c]);
            rk_state *state = new_state(model, 1);
            float logits[N_VOCAB];
            eval(context, state, tokens, N_PROMPT, RK_LOGITS_LAST, logits);
            const float difference = max_difference(logits, expected, N_VOCAB);
            cr_assert(difference <= 1e-4F, "%s, %s, chunks of %zu: off by %g", path, strategies[s],
                      chunks[c], (double)difference);
            rk_state_free(&state);
            rk_context_free(&context);
        }
        rk_model_close(&model);
    }
}

Test(model, gives_the_reference_logits_of_the_rwkv4_demo) {
    check_prompt(model_path, RK_MODELS "/demo/demo-expected-logits.bin");
}

Test(model, gives_the_reference_logits_of_the_rwkv7_demo) {
    check_prompt(RK_MODELS "/demo/demo-rwkv7.pth",
                 RK_MODELS "/demo/demo-rwkv7-expected-logits.bin");
}

// Runs 100 tokens of made-up text and gives all logits and the final state.
enum { N_TEXT = 100 };
typedef struct run {
    float logits[N_TEXT][N_VOCAB];
    float state[5 * 5 * 192];
} run;

static void fill_text(uint32_t tokens[N_TEXT]) {
    for (size_t i = 0; i < N_TEXT; i++) tokens[i] = (uint32_t)(97 + i * 7 % 26);
}

static void run_text(run *out, rk_model *model, size_t n_threads, size_t max_chunk) {
    rk_pool *pool = NULL;
    rk_error err;
    const rk_pool_options options = {.n_threads = n_threads};
    cr_assert_eq(rk_pool_new(&pool, &options, &err), RK_OK, "%s", err.message);
    rk_context *context = new_context(model, pool, max_chunk);
    rk_state *state = new_state(model, 1);
    uint32_t tokens[N_TEXT];
    fill_text(tokens);
    eval(context, state, tokens, N_TEXT, RK_LOGITS_ALL, out->logits[0]);
    cr_assert_eq(rk_state_export(state, 0, out->state, sizeof out->state / sizeof(float), &err),
                 RK_OK);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_pool_free(&pool);
}

static const char *const all_types[] = {"cpu fp32", "cpu fp16", "cpu bf16", "cpu Q4_0",
                                        "cpu Q4_1", "cpu Q5_0", "cpu Q5_1", "cpu Q8_0"};
enum { N_TYPES = sizeof all_types / sizeof all_types[0] };

Test(model, is_bit_equal_for_any_number_of_threads) {
    static run one;
    static run other;
    static const size_t threads[] = {2, 3, 7};
    for (size_t s = 0; s < N_TYPES; s++) {
        rk_model *model = open_model(all_types[s]);
        run_text(&one, model, 1, 16);
        for (size_t t = 0; t < 3; t++) {
            run_text(&other, model, threads[t], 16);
            cr_assert_eq(memcmp(&one, &other, sizeof one), 0, "%s, %zu threads", all_types[s],
                         threads[t]);
        }
        rk_model_close(&model);
    }
}

Test(model, is_bit_equal_for_any_chunk) {
    static run one;
    static run other;
    static const size_t chunks[] = {1, 3, 64, 100};
    for (size_t s = 0; s < N_TYPES; s++) {
        rk_model *model = open_model(all_types[s]);
        run_text(&one, model, 2, 8);
        for (size_t c = 0; c < 4; c++) {
            run_text(&other, model, 2, chunks[c]);
            cr_assert_eq(memcmp(&one, &other, sizeof one), 0, "%s, chunks of %zu", all_types[s],
                         chunks[c]);
        }
        rk_model_close(&model);
    }
}

Test(model, batches_equal_single_runs) {
    enum { N = 3 };
    static const char *const texts[N] = {"The fox", "Once upon a time", "A"};
    for (size_t s = 0; s < N_TYPES; s++) {
        rk_model *model = open_model(all_types[s]);
        rk_context *context = new_context(model, NULL, 5);
        rk_state *batch = new_state(model, N);
        uint32_t tokens[N][32];
        float logits[N][N_VOCAB];
        rk_sequence sequences[N];
        for (size_t i = 0; i < N; i++) {
            tokens_of(texts[i], tokens[i]);
            sequences[i] = (rk_sequence){.index = N - 1 - i,
                                         .tokens = tokens[i],
                                         .n_tokens = strlen(texts[i]),
                                         .wanted = RK_LOGITS_LAST,
                                         .logits = logits[i]};
        }
        rk_error err;
        cr_assert_eq(rk_eval_batch(context, batch, sequences, N, &err), RK_OK, "%s", err.message);
        for (size_t i = 0; i < N; i++) {
            rk_state *single = new_state(model, 1);
            float alone[N_VOCAB];
            eval(context, single, tokens[i], strlen(texts[i]), RK_LOGITS_LAST, alone);
            cr_assert_eq(memcmp(alone, logits[i], sizeof alone), 0, "%s, text %zu", all_types[s],
                         i);
            rk_state_free(&single);
        }
        rk_state_free(&batch);
        rk_context_free(&context);
        rk_model_close(&model);
    }
}

// Rows of the first tokens can be left out, wherever passes end.
Test(model, leaves_out_unwanted_logits) {
    enum { N = 11 };
    uint32_t tokens[N + 1];
    tokens_of("Once upon a", tokens);
    rk_model *model = open_model(NULL);
    static const size_t chunks[] = {1, 4, 64};
    for (size_t c = 0; c < 3; c++) {
        rk_context *context = new_context(model, NULL, chunks[c]);
        rk_state *state = new_state(model, 1);
        float all[N][N_VOCAB];
        eval(context, state, tokens, N, RK_LOGITS_ALL, all[0]);
        for (size_t n_unwanted = 0; n_unwanted <= N; n_unwanted++) {
            float some[N + 1][N_VOCAB];
            memset(some, 0xee, sizeof some);
            const rk_sequence sequence = {.tokens = tokens,
                                          .n_tokens = N,
                                          .wanted = RK_LOGITS_ALL,
                                          .logits = some[0],
                                          .n_unwanted = n_unwanted};
            cr_assert_eq(rk_state_clear(state, 0, NULL), RK_OK);
            cr_assert_eq(rk_eval_batch(context, state, &sequence, 1, NULL), RK_OK);
            const size_t n = N - n_unwanted;
            cr_assert_eq(memcmp(some, all[n_unwanted], n * sizeof some[0]), 0, "%zu", n_unwanted);
            for (size_t i = 0; i < sizeof some[0]; i++) {
                cr_assert_eq(((unsigned char *)some[n])[i], 0xee, "a row too many");
            }
        }
        rk_state_free(&state);
        rk_context_free(&context);
    }
    rk_model_close(&model);
}

Test(model, block_formats_stay_near_fp32) {
    // The largest differences to FP32 seen on this text are about half of these.
    static const float limits[N_TYPES] = {0, 0.02F, 1e-4F, 6.0F, 5.0F, 3.0F, 3.0F, 0.5F};
    static run exact;
    static run rounded;
    rk_model *reference = open_model("cpu fp32");
    run_text(&exact, reference, 1, 64);
    for (size_t s = 1; s < N_TYPES; s++) {
        rk_model *model = open_model(all_types[s]);
        run_text(&rounded, model, 1, 64);
        const float difference =
            max_difference(rounded.logits[0], exact.logits[0], (size_t)N_TEXT * N_VOCAB);
        fprintf(stderr, "%s: largest difference to FP32 %g\n", all_types[s], (double)difference);
        cr_assert(difference <= limits[s], "%s: off by %g", all_types[s], (double)difference);
        rk_model_close(&model);
    }
    rk_model_close(&reference);
}

Test(model, states_can_be_saved_copied_and_cleared) {
    rk_model *model = open_model("cpu Q5_1");
    rk_context *context = new_context(model, NULL, 0);
    rk_state *state = new_state(model, 2);
    const size_t n = rk_model_describe(model)->state_floats;
    float *saved = malloc(n * sizeof saved[0]);
    float *empty = malloc(n * sizeof empty[0]);
    uint32_t tokens[N_PROMPT];
    tokens_of(prompt, tokens);
    float whole[N_VOCAB];
    float resumed[N_VOCAB];
    rk_error err;
    cr_assert_eq(rk_state_export(state, 0, empty, n, &err), RK_OK);
    cr_assert_eq(empty[0], 0.0F);
    cr_assert_eq(empty[4 * 192], -1e30F, "pp of the first layer");

    eval(context, state, tokens, 9, RK_LOGITS_NONE, NULL);
    cr_assert_eq(rk_state_export(state, 0, saved, n, &err), RK_OK);
    cr_assert_eq(rk_state_copy(state, 1, state, 0, &err), RK_OK);
    eval(context, state, tokens + 9, N_PROMPT - 9, RK_LOGITS_LAST, whole);

    cr_assert_eq(rk_state_import(state, 0, saved, n, &err), RK_OK);
    eval(context, state, tokens + 9, N_PROMPT - 9, RK_LOGITS_LAST, resumed);
    cr_assert_eq(memcmp(whole, resumed, sizeof whole), 0);

    const rk_sequence copy = {.index = 1,
                              .tokens = tokens + 9,
                              .n_tokens = N_PROMPT - 9,
                              .wanted = RK_LOGITS_LAST,
                              .logits = resumed};
    cr_assert_eq(rk_eval_batch(context, state, &copy, 1, &err), RK_OK);
    cr_assert_eq(memcmp(whole, resumed, sizeof whole), 0);

    cr_assert_eq(rk_state_clear(state, 0, &err), RK_OK);
    cr_assert_eq(rk_state_export(state, 0, saved, n, &err), RK_OK);
    cr_assert_eq(memcmp(saved, empty, n * sizeof saved[0]), 0);
    free(saved);
    free(empty);
    rk_state_free(&state);
    rk_context_free(&context);
    rk_model_close(&model);
}

Test(model, outlives_its_closing_while_it_is_used) {
    rk_model *model = open_model(NULL);
    rk_context *context = new_context(model, NULL, 0);
    rk_state *state = new_state(model, 1);
    rk_model_close(&model);
    const uint32_t token = 'x';
    float logits[N_VOCAB];
    eval(context, state, &token, 1, RK_LOGITS_LAST, logits);
    rk_context_free(&context);
    rk_state_free(&state);
}

Test(model, checks_arguments_before_anything_changes) {
    rk_model *model = open_model(NULL);
    rk_model *other = open_model(NULL);
    rk_context *context = new_context(model, NULL, 0);
    rk_state *state = new_state(model, 1);
    rk_state *foreign = new_state(other, 1);
    const uint32_t bad[] = {65, 256};
    float logits[N_VOCAB];
    float before[5 * 5 * 192];
    float after[5 * 5 * 192];
    rk_error err;
    cr_assert_eq(rk_state_export(state, 0, before, 5 * 5 * 192, &err), RK_OK);
    cr_assert_eq(rk_eval(context, state, bad, 2, RK_LOGITS_LAST, logits, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "token 1 is 256"), "%s", err.message);
    cr_assert_eq(rk_state_export(state, 0, after, 5 * 5 * 192, &err), RK_OK);
    cr_assert_eq(memcmp(before, after, sizeof before), 0);
    cr_assert_eq(rk_eval(context, foreign, bad, 1, RK_LOGITS_NONE, NULL, &err), RK_ERR_MISMATCH);
    const rk_sequence beyond = {.index = 1, .tokens = bad, .n_tokens = 1};
    cr_assert_eq(rk_eval_batch(context, state, &beyond, 1, &err), RK_ERR_ARGUMENT);
    const rk_sequence twice[] = {{.tokens = bad, .n_tokens = 1}, {.tokens = bad, .n_tokens = 1}};
    cr_assert_eq(rk_eval_batch(context, state, twice, 2, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_state_import(state, 0, before, 7, &err), RK_ERR_SHAPE);
    cr_assert_eq(rk_state_copy(state, 0, foreign, 0, &err), RK_ERR_MISMATCH);
    cr_assert_eq(rk_eval(context, state, bad, 0, RK_LOGITS_LAST, logits, &err), RK_OK);
    rk_state_free(&state);
    rk_state_free(&foreign);
    rk_context_free(&context);
    rk_model_close(&model);
    rk_model_close(&other);
}

static bool stop_loading(void *user, uint64_t done, uint64_t total) {
    (void)total;
    uint64_t *calls = user;
    (*calls)++;
    return done < 1000000;
}

Test(model, a_header_that_contradicts_the_tensors_is_refused, .fini = test_scratch_remove) {
    const char *path = test_scratch_path("model.bin");
    const rk_convert_options options = {.dtype = RK_DTYPE_F16};
    rk_error err;
    rk_model *model = NULL;
    cr_assert_eq(rk_convert(RK_TEST_DATA "/models/v4.pth", path, &options, NULL, &err), RK_OK);
    size_t size = 0;
    unsigned char *bytes = test_read_file(path, &size);
    for (size_t at = 8; at < 20; at += 4) { // n_vocab, n_embed, n_layer
        bytes[at]++;
        cr_assert(test_write_file(path, bytes, size));
        cr_assert_eq(rk_model_open(&model, path, NULL, &err), RK_ERR_SHAPE, "byte %zu", at);
        cr_assert_not_null(strstr(err.message, "the header says"), "%s", err.message);
        bytes[at]--;
    }
    free(bytes);
}

// What a progress callback was told last, and whether it ever went beyond the total.
typedef struct told {
    uint64_t done, total;
    bool beyond;
} told;

static bool note_progress(void *user, uint64_t done, uint64_t total) {
    told *t = user;
    t->beyond = t->beyond || done > total || done < t->done;
    t->done = done;
    t->total = total;
    return true;
}

Test(model, progress_of_loading_ends_at_its_total) {
    // Tensors that lie in several parts, and some that are not used.
    static const char *const paths[] = {RK_TEST_DATA "/models/v6.pth",
                                        RK_TEST_DATA "/models/v7-v0.pth"};
    for (size_t i = 0; i < 2; i++) {
        rk_model *model = NULL;
        rk_error err;
        told t = {0};
        const rk_model_options options = {.progress = {note_progress, &t}};
        cr_assert_eq(rk_model_open(&model, paths[i], &options, &err), RK_OK, "%s", err.message);
        cr_assert_not(t.beyond);
        cr_assert_gt(t.total, 0);
        cr_assert_eq(t.done, t.total, "%s", paths[i]);
        rk_model_close(&model);
    }
}

Test(model, loading_can_be_cancelled_and_fails_politely) {
    rk_model *model = NULL;
    rk_error err;
    uint64_t calls = 0;
    const rk_model_options options = {.progress = {stop_loading, &calls}};
    cr_assert_eq(rk_model_open(&model, model_path, &options, &err), RK_ERR_CANCELLED);
    cr_assert_null(model);
    cr_assert_gt(calls, 1);
    cr_assert_eq(rk_model_open(&model, "/nonexistent/model.bin", NULL, &err), RK_ERR_IO);
    cr_assert_not_null(strstr(err.message, "/nonexistent/model.bin"), "%s", err.message);
    const rk_model_options bad = {.strategy = "gpu"};
    cr_assert_eq(rk_model_open(&model, model_path, &bad, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_model_open(&model, RK_MODELS "/demo/demo-lora.pth", NULL, &err),
                 RK_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "LoRA adapter"), "%s", err.message);
}

Test(model, sizes_are_read_without_loading) {
    rk_model *model = open_model("cpu");
    rk_dims dims;
    rk_error err;
    cr_assert_eq(rk_model_read_dims(model_path, &dims, &err), RK_OK, "%s", err.message);
    cr_assert_eq(memcmp(&dims, &rk_model_describe(model)->dims, sizeof dims), 0);
    cr_assert_eq(dims.n_vocab, N_VOCAB);
    rk_model_close(&model);
    cr_assert_eq(rk_model_read_dims("/nonexistent/model.bin", &dims, &err), RK_ERR_IO);
    cr_assert_eq(rk_model_read_dims(RK_MODELS "/demo/demo-lora.pth", &dims, &err),
                 RK_ERR_UNSUPPORTED);
}
