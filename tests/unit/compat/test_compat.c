// include/rwkv.h, as programs use it.
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "rk/convert.h"
#include "rwkv.h"

TestSuite(compat, .fini = test_scratch_remove);

static const char prompt[] = "Once upon a time, ";
enum { N_PROMPT = sizeof prompt - 1, N_VOCAB = 256, N_STATE = 5 * 5 * 192 };

static uint32_t tokens[N_PROMPT];
static float logits[N_VOCAB], state[N_STATE];

// The demo model as a model file, in this type.
static const char *demo_file(rk_dtype dtype) {
    for (size_t i = 0; i < N_PROMPT; i++) tokens[i] = (unsigned char)prompt[i];
    const char *path = test_scratch_path("demo.bin");
    const rk_convert_options options = {.dtype = dtype, .no_sync = true};
    rk_error err = {0};
    cr_assert_eq(rk_convert(RK_MODELS "/demo/demo-rwkv4.pth", path, &options, NULL, &err), RK_OK,
                 "%s", err.message);
    return path;
}

static struct rwkv_context *load_demo(uint32_t n_threads) {
    struct rwkv_context *ctx = rwkv_init_from_file(demo_file(RK_DTYPE_F32), n_threads, 0);
    cr_assert_not_null(ctx);
    return ctx;
}

static void expect_demo_logits(void) {
    size_t size;
    unsigned char *data = test_read_file(RK_MODELS "/demo/demo-expected-logits.bin", &size);
    cr_assert(data != NULL && size == sizeof logits);
    float expected[N_VOCAB];
    memcpy(expected, data, size);
    free(data);
    for (size_t i = 0; i < N_VOCAB; i++) {
        const double difference = fabs((double)logits[i] - (double)expected[i]);
        cr_assert(difference <= 1e-3, "logit %zu is %g, expected %g", i, (double)logits[i],
                  (double)expected[i]);
    }
}

Test(compat, one_token_at_a_time) {
    struct rwkv_context *ctx = load_demo(2);
    for (size_t i = 0; i < N_PROMPT; i++) {
        const bool last = i + 1 == N_PROMPT;
        cr_assert(rwkv_eval(ctx, tokens[i], i == 0 ? NULL : state, state, last ? logits : NULL));
    }
    expect_demo_logits();
    rwkv_free(ctx);
}

Test(compat, a_sequence_at_once) {
    struct rwkv_context *ctx = load_demo(1);
    cr_assert(rwkv_eval_sequence(ctx, tokens, N_PROMPT, NULL, NULL, logits));
    expect_demo_logits();
    rwkv_free(ctx);
}

Test(compat, a_sequence_in_chunks) {
    struct rwkv_context *ctx = load_demo(3);
    for (size_t chunk = 1; chunk <= N_PROMPT + 2; chunk++) {
        memset(logits, 0, sizeof logits);
        cr_assert(rwkv_eval_sequence_in_chunks(ctx, tokens, N_PROMPT, chunk, NULL, state, logits));
        expect_demo_logits();
    }
    rwkv_free(ctx);
}

// More tokens than are computed together inside.
Test(compat, long_sequences_agree_with_single_steps) {
    struct rwkv_context *ctx = load_demo(2);
    enum { N = 300 };
    uint32_t text[N];
    for (size_t i = 0; i < N; i++) text[i] = tokens[i % N_PROMPT];
    float at_once[N_VOCAB], after[N_STATE];
    cr_assert(rwkv_eval_sequence(ctx, text, N, NULL, after, at_once));
    rwkv_init_state(ctx, state);
    for (size_t i = 0; i < N; i++) cr_assert(rwkv_eval(ctx, text[i], state, state, logits));
    double largest = 0;
    for (size_t i = 0; i < N_VOCAB; i++) largest = fmax(largest, fabs((double)logits[i]));
    for (size_t i = 0; i < N_VOCAB; i++) {
        cr_assert_float_eq((double)logits[i], (double)at_once[i], 1e-5 * largest, "logit %zu", i);
    }
    for (size_t i = 0; i < N_STATE; i++) {
        const double scale = fmax(1, fabs((double)state[i]));
        cr_assert_float_eq((double)state[i], (double)after[i], 1e-4 * scale, "state %zu", i);
    }
    rwkv_free(ctx);
}

Test(compat, dimensions) {
    struct rwkv_context *ctx = load_demo(1);
    cr_expect_eq(rwkv_get_n_vocab(ctx), 256);
    cr_expect_eq(rwkv_get_n_embed(ctx), 192);
    cr_expect_eq(rwkv_get_n_layer(ctx), 5);
    cr_expect_eq(rwkv_get_state_len(ctx), N_STATE);
    cr_expect_eq(rwkv_get_logits_len(ctx), 256);
    cr_expect_eq(rwkv_get_state_buffer_element_count(ctx), (uint32_t)N_STATE);
    cr_expect_eq(rwkv_get_logits_buffer_element_count(ctx), 256u);
    cr_expect_not(rwkv_gpu_offload_layers(ctx, 3));
    cr_expect_gt(strlen(rwkv_get_system_info_string()), 5);
    rwkv_free(ctx);
}

Test(compat, the_empty_state) {
    struct rwkv_context *ctx = load_demo(1);
    rwkv_init_state(ctx, state);
    for (size_t i = 0; i < N_STATE; i++) {
        const bool is_pp = i / 192 % 5 == 4;
        cr_assert_eq(state[i], is_pp ? -1e30F : 0.0F, "float %zu", i);
    }
    float from_null[N_VOCAB];
    cr_assert(rwkv_eval(ctx, 'O', NULL, NULL, from_null));
    cr_assert(rwkv_eval(ctx, 'O', state, NULL, logits));
    cr_expect_eq(memcmp(from_null, logits, sizeof logits), 0);
    rwkv_free(ctx);
}

// A state travels through the caller: what the context did in between does not matter, and inputs
// are not written to.
Test(compat, states_belong_to_the_caller) {
    struct rwkv_context *ctx = load_demo(1);
    float before[N_STATE], copy[N_STATE], after[N_STATE], other[N_VOCAB];
    cr_assert(rwkv_eval_sequence(ctx, tokens, 9, NULL, before, NULL));
    memcpy(copy, before, sizeof copy);
    cr_assert(rwkv_eval(ctx, tokens[9], before, after, logits));
    cr_expect_eq(memcmp(before, copy, sizeof copy), 0);
    cr_assert(rwkv_eval(ctx, 'z', NULL, state, NULL));
    cr_assert(rwkv_eval(ctx, tokens[9], copy, copy, other)); // in place
    cr_expect_eq(memcmp(copy, after, sizeof copy), 0);
    cr_expect_eq(memcmp(logits, other, sizeof logits), 0);
    rwkv_free(ctx);
}

Test(compat, outputs_that_are_not_wanted) {
    struct rwkv_context *ctx = load_demo(1);
    cr_expect(rwkv_eval(ctx, 'a', NULL, NULL, NULL));
    cr_expect(rwkv_eval_sequence(ctx, tokens, 4, NULL, NULL, NULL));
    memset(state, 0x55, sizeof state);
    memset(logits, 0x55, sizeof logits);
    cr_expect(rwkv_eval_sequence(ctx, NULL, 4, NULL, state, logits), "prepares only");
    cr_expect(rwkv_eval_sequence_in_chunks(ctx, NULL, 9, 4, NULL, state, logits));
    for (size_t i = 0; i < sizeof logits; i++) cr_assert_eq(((char *)logits)[i], 0x55);
    for (size_t i = 0; i < sizeof state; i++) cr_assert_eq(((char *)state)[i], 0x55);
    cr_expect_eq(rwkv_get_last_error(ctx), RWKV_ERROR_NONE);
    rwkv_free(ctx);
}

Test(compat, wrong_arguments_leave_the_context_usable) {
    struct rwkv_context *ctx = load_demo(1);
    rwkv_set_print_errors(ctx, false);
    memset(logits, 0x55, sizeof logits);
    memset(state, 0x55, sizeof state);
    cr_expect_not(rwkv_eval(ctx, 256, NULL, state, logits));
    cr_expect_eq((int)rwkv_get_last_error(ctx), 0x100);
    cr_expect_eq((int)rwkv_get_last_error(ctx), 0, "cleared when it was read");
    const uint32_t bad[] = {'a', 'b', 4000000000u};
    cr_expect_not(rwkv_eval_sequence(ctx, bad, 3, NULL, state, logits));
    cr_expect_eq((int)rwkv_get_last_error(ctx), 0x100);
    cr_expect_not(rwkv_eval_sequence(ctx, tokens, 0, NULL, state, logits));
    cr_expect_eq((int)rwkv_get_last_error(ctx), 0x100);
    cr_expect_not(rwkv_eval_sequence_in_chunks(ctx, tokens, 3, 0, NULL, state, logits));
    cr_expect_eq((int)rwkv_get_last_error(ctx), 0x100);
    for (size_t i = 0; i < sizeof logits; i++) cr_assert_eq(((char *)logits)[i], 0x55);
    for (size_t i = 0; i < sizeof state; i++) cr_assert_eq(((char *)state)[i], 0x55);
    cr_expect_eq(rwkv_get_last_error(NULL), RWKV_ERROR_NONE);
    cr_expect(rwkv_eval_sequence(ctx, tokens, N_PROMPT, NULL, state, logits));
    expect_demo_logits();
    rwkv_free(ctx);
}

Test(compat, null_contexts) {
    rwkv_set_print_errors(NULL, false);
    rwkv_free(NULL);
    cr_expect_not(rwkv_eval(NULL, 0, NULL, state, logits));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x100);
    cr_expect_null(rwkv_clone_context(NULL, 1));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x100);
    cr_expect_eq(rwkv_get_n_vocab(NULL), 0);
    cr_expect_eq(rwkv_get_n_embed(NULL), 0);
    cr_expect_eq(rwkv_get_n_layer(NULL), 0);
    cr_expect_eq(rwkv_get_state_len(NULL), 0);
    cr_expect_eq(rwkv_get_logits_len(NULL), 0);
    cr_expect_eq(rwkv_get_state_buffer_element_count(NULL), 0);
    cr_expect_eq(rwkv_get_logits_buffer_element_count(NULL), 0);
    cr_expect_not(rwkv_gpu_offload_layers(NULL, 1));
    rwkv_init_state(NULL, state);
}

// Group and cause of loading files that cannot be loaded.
Test(compat, error_flags_of_loading) {
    rwkv_set_print_errors(NULL, false);
    size_t size;
    unsigned char *good = test_read_file(demo_file(RK_DTYPE_F16), &size);
    const struct {
        size_t offset; // of a byte that is changed
        unsigned char value;
        size_t size;
        int flags;
    } cases[] = {
        {0, 'x', size, 0x200 + 6},        // magic
        {4, 99, size, 0x200 + 7},         // version
        {20, 77, size, 0x200 + 8},        // type
        {0, 'f', 10, 0x200 + 4},          // header cut
        {0, 'f', size - 5, 0x200 + 13},   // last tensor cut
        {24 + 20, 'E', size, 0x400 + 10}, // a tensor "Emb.weight"
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = test_scratch_path("bad.bin");
        const unsigned char kept = good[cases[i].offset];
        good[cases[i].offset] = cases[i].value;
        cr_assert(test_write_file(path, good, cases[i].size));
        good[cases[i].offset] = kept;
        cr_expect_null(rwkv_init_from_file(path, 1, 0));
        const int flags = (int)rwkv_get_last_error(NULL);
        cr_expect_eq(flags, cases[i].flags, "case %zu: %#x", i, (unsigned)flags);
        cr_expect_eq(rwkv_get_last_error(NULL), RWKV_ERROR_NONE);
    }
    free(good);

    cr_expect_null(rwkv_init_from_file(test_scratch_path("none.bin"), 1, 0));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x200 + 2);
    cr_expect_null(rwkv_init_from_file(RK_MODELS, 1, 0));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x200 + 2, "a directory");
    cr_expect_null(rwkv_init_from_file(NULL, 1, 0));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x100);
    cr_expect_null(rwkv_init_from_file(test_scratch_path("demo.bin"), 0, 0));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x100);
    cr_expect_null(rwkv_init_from_file(test_scratch_path("demo.bin"), UINT32_MAX, 0));
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x100, "more threads than anyone has");
}

Test(compat, nonsense_gpu_layers_are_ignored) {
    struct rwkv_context *ctx = rwkv_init_from_file(demo_file(RK_DTYPE_F16), 1, 0xdeadbeefu);
    cr_assert_not_null(ctx);
    cr_expect(rwkv_eval(ctx, 'a', NULL, state, logits));
    rwkv_free(ctx);
}

// What each context is told to print, and the default of new ones.
Test(compat, printing_errors, .init = cr_redirect_stderr) {
    const char *path = demo_file(RK_DTYPE_F16);
    cr_expect(rwkv_get_print_errors(NULL));
    cr_expect_null(rwkv_init_from_file(test_scratch_path("first.bin"), 1, 0)); // printed
    struct rwkv_context *loud = rwkv_init_from_file(path, 1, 0);
    rwkv_set_print_errors(NULL, false);
    cr_expect_not(rwkv_get_print_errors(NULL));
    cr_expect_null(rwkv_init_from_file(test_scratch_path("second.bin"), 1, 0));
    struct rwkv_context *quiet = rwkv_init_from_file(path, 1, 0);
    struct rwkv_context *clone = rwkv_clone_context(loud, 1);
    cr_assert(loud != NULL && quiet != NULL && clone != NULL);
    cr_expect(rwkv_get_print_errors(loud));
    cr_expect_not(rwkv_get_print_errors(quiet));
    cr_expect(rwkv_get_print_errors(clone));
    cr_expect_not(rwkv_eval(loud, 300, NULL, NULL, NULL)); // printed
    cr_expect_not(rwkv_eval(quiet, 301, NULL, NULL, NULL));
    rwkv_set_print_errors(clone, false);
    cr_expect_not(rwkv_eval(clone, 302, NULL, NULL, NULL));
    rwkv_free(loud);
    rwkv_free(quiet);
    rwkv_free(clone);

    (void)fflush(stderr);
    char text[4096] = "";
    const size_t n = fread(text, 1, sizeof text - 1, cr_get_redirected_stderr());
    text[n] = '\0';
    size_t lines = 0;
    for (const char *p = text; *p != '\0'; p++) lines += *p == '\n';
    cr_expect_eq(lines, 2, "%s", text);
    cr_expect(strstr(text, "first.bin") != NULL, "%s", text);
    cr_expect(strstr(text, "300") != NULL, "%s", text);
}

static void *load_nothing(void *flags) {
    (void)rwkv_init_from_file(test_scratch_path("none.bin"), 1, 0);
    *(int *)flags = (int)rwkv_get_last_error(NULL);
    return NULL;
}

Test(compat, global_errors_are_per_thread) {
    rwkv_set_print_errors(NULL, false);
    (void)rwkv_init_from_file(NULL, 1, 0);
    int flags = 0;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, load_nothing, &flags), 0);
    (void)pthread_join(thread, NULL);
    cr_expect_eq(flags, 0x200 + 2);
    cr_expect_eq((int)rwkv_get_last_error(NULL), 0x100, "this thread's own");
}

static void *evaluate_prompt(void *argument) {
    struct rwkv_context *ctx = argument;
    float *result = malloc(N_VOCAB * sizeof *result);
    bool same = true;
    for (size_t repeat = 0; repeat < 5 && same; repeat++) {
        same = rwkv_eval_sequence(ctx, tokens, N_PROMPT, NULL, NULL, result) &&
               memcmp(result, logits, sizeof logits) == 0;
    }
    free(result);
    return same ? argument : NULL;
}

// Contexts on the same weights, used at the same time, and freed in any order.
Test(compat, clones_work_side_by_side) {
    struct rwkv_context *first = load_demo(1);
    rwkv_set_print_errors(first, false);
    struct rwkv_context *second = rwkv_clone_context(first, 2);
    cr_assert_not_null(second);
    cr_expect_null(rwkv_clone_context(first, 0));
    cr_expect_eq((int)rwkv_get_last_error(first), 0x100);
    struct rwkv_context *third = rwkv_clone_context(second, 3);
    cr_assert_not_null(third);
    cr_expect_eq(rwkv_get_state_len(third), N_STATE);
    cr_assert(rwkv_eval_sequence(first, tokens, N_PROMPT, NULL, NULL, logits));
    expect_demo_logits();
    rwkv_free(first);

    pthread_t a, b;
    void *result_a, *result_b;
    cr_assert_eq(pthread_create(&a, NULL, evaluate_prompt, second), 0);
    cr_assert_eq(pthread_create(&b, NULL, evaluate_prompt, third), 0);
    (void)pthread_join(a, &result_a);
    (void)pthread_join(b, &result_b);
    cr_expect_not_null(result_a, "bit-equal with 2 threads");
    cr_expect_not_null(result_b, "bit-equal with 3 threads");
    rwkv_free(third);
    cr_expect(rwkv_eval(second, 'x', NULL, NULL, logits));
    rwkv_free(second);
}

Test(compat, quantizing) {
    const char *path = demo_file(RK_DTYPE_F16);
    const char *names[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"};
    const int32_t ids[] = {2, 3, 7, 8, 9};
    for (size_t i = 0; i < 5; i++) {
        const char *output = test_scratch_path(names[i]);
        cr_expect(rwkv_quantize_model_file(path, output, names[i]), "%s", names[i]);
        test_model_file file;
        cr_assert(test_model_file_read(&file, output));
        cr_expect_eq(file.type, ids[i]);
        cr_expect_eq(test_model_file_find(&file, "emb.weight")->type, 1);
        cr_expect_eq(test_model_file_find(&file, "head.weight")->type, 1);
        cr_expect_eq(test_model_file_find(&file, "blocks.3.ffn.key.weight")->type, ids[i]);
        cr_expect_eq(test_model_file_find(&file, "blocks.3.att.time_mix_k")->type, 0);
        test_model_file_free(&file);
    }
    struct rwkv_context *ctx = rwkv_init_from_file(test_scratch_path("Q8_0"), 2, 0);
    cr_assert_not_null(ctx);
    cr_assert(rwkv_eval_sequence(ctx, tokens, N_PROMPT, NULL, NULL, logits));
    for (size_t i = 0; i < N_VOCAB; i++) cr_assert(isfinite(logits[i]));
    rwkv_free(ctx);
}

Test(compat, error_flags_of_quantizing) {
    rwkv_set_print_errors(NULL, false);
    const char *path = demo_file(RK_DTYPE_F16);
    const char *output = test_scratch_path("out.bin");
    const char *quantized = test_scratch_path("quantized.bin");
    cr_assert(rwkv_quantize_model_file(path, quantized, "Q5_1"));
    const struct {
        const char *in, *out, *format;
        int flags;
    } cases[] = {
        {NULL, output, "Q4_0", 0x100},
        {path, NULL, "Q4_0", 0x100},
        {path, output, NULL, 0x100},
        {path, output, "Q9_9", 0x100 + 8},
        {path, output, "FP16", 0x100 + 8},
        {test_scratch_path("none.bin"), output, "Q4_0", 0x200 + 2},
        {path, test_scratch_path("none/out.bin"), "Q4_0", 0x200 + 5},
        {RK_MODELS "/demo/demo-rwkv4.pth", output, "Q4_0", 0x200 + 6},
        {quantized, output, "Q4_0", 0x200 + 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_not(rwkv_quantize_model_file(cases[i].in, cases[i].out, cases[i].format));
        const int flags = (int)rwkv_get_last_error(NULL);
        cr_expect_eq(flags, cases[i].flags, "case %zu: %#x", i, (unsigned)flags);
        cr_expect_not(test_file_exists(output));
    }
}
