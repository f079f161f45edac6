// What is said before a conversion must be what comes of it; tuned states and unused tensors.
#include <criterion/criterion.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rk/convert.h"
#include "rk/state_file.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(convert_plan, .fini = test_scratch_remove);

static rk_error err;

static const char *model_path(const char *name) {
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/models/%s.pth", RK_TEST_DATA, name);
    return path;
}

static const rk_dtype dtypes[] = {RK_DTYPE_F32,  RK_DTYPE_F16,  RK_DTYPE_Q4_0, RK_DTYPE_Q4_1,
                                  RK_DTYPE_Q5_0, RK_DTYPE_Q5_1, RK_DTYPE_Q8_0};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

static rk_convert_result plan_of(const char *input, const rk_convert_options *options) {
    rk_convert_result plan;
    cr_assert_eq(rk_convert_plan(input, options, &plan, &err), RK_OK, "%s", err.message);
    return plan;
}

static rk_convert_result convert(const char *input, const char *output,
                                 const rk_convert_options *options) {
    rk_convert_result result;
    cr_assert_eq(rk_convert(input, output, options, &result, &err), RK_OK, "%s", err.message);
    return result;
}

static void expect_same(const rk_convert_result *plan, const rk_convert_result *result) {
    cr_expect_eq(plan->container, result->container);
    cr_expect_str_eq(plan->root, result->root);
    cr_expect_str_eq(plan->arch_name, result->arch_name);
    cr_expect_eq(memcmp(&plan->dims, &result->dims, sizeof plan->dims), 0);
    cr_expect_eq(plan->n_tensors, result->n_tensors);
    cr_expect_eq(plan->n_parameters, result->n_parameters);
    cr_expect_eq(plan->input_bytes, result->input_bytes);
    cr_expect_eq(plan->output_bytes, result->output_bytes);
    cr_expect_eq(plan->n_states_written, result->n_states_written);
    cr_expect_eq(plan->n_states_left_out, result->n_states_left_out);
    cr_expect_eq(plan->n_unused, result->n_unused);
    cr_expect_eq(plan->bits_per_weight, result->bits_per_weight);
    cr_expect_eq(plan->peak_memory, result->peak_memory);
}

// Every version, every type, with states kept or not: the size to the byte.
Test(convert_plan, foretells_the_output) {
    static const char *const names[] = {"v4", "v5.1",  "v5.1g",     "v5.2",         "v6",
                                        "v7", "v7-v0", "v7-sorted", "v6-with-state"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < 2 * N_DTYPES; k++) {
            const char *output = test_scratch_path("out.bin");
            const rk_convert_options options = {.dtype = dtypes[k / 2], .keep_state = k % 2 == 1};
            const rk_convert_result plan = plan_of(model_path(names[i]), &options);
            const rk_convert_result result = convert(model_path(names[i]), output, &options);
            expect_same(&plan, &result);
            struct stat about;
            cr_assert_eq(stat(output, &about), 0);
            cr_expect_eq((uint64_t)about.st_size, plan.output_bytes, "%s", names[i]);
        }
    }
}

static void count_report(void *user, const rk_convert_tensor *tensor) {
    uint64_t *bytes = user;
    *bytes += tensor->bytes;
    cr_expect_eq(tensor->rms_error, 0.0);
}

Test(convert_plan, reports_tensors_and_writes_nothing) {
    uint64_t bytes = 0;
    const rk_convert_options options = {
        .dtype = RK_DTYPE_Q8_0, .report = count_report, .report_user = &bytes};
    const rk_convert_result plan = plan_of(model_path("v7"), &options);
    cr_assert_gt(bytes, 0);
    // The rest is headers: 24 bytes, and some 50 a tensor.
    cr_assert(bytes < plan.output_bytes && plan.output_bytes < bytes + 24 + 80 * plan.n_tensors);
    (void)test_scratch_path("x");
    cr_assert_eq(test_scratch_count(), 0);
}

Test(convert_plan, refuses_what_the_conversion_refuses) {
    rk_convert_result plan;
    const char *quantized = test_scratch_path("q.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_Q4_0};
    (void)convert(model_path("v4"), quantized, &options);
    options.dtype = RK_DTYPE_Q5_0;
    cr_assert_eq(rk_convert_plan(quantized, &options, &plan, &err), RK_ERR_UNSUPPORTED);
    cr_assert(strstr(err.message, "quantize --allow-requantize") != NULL, "%s", err.message);
    options.dtype = RK_DTYPE_BF16;
    cr_assert_eq(rk_convert_plan(model_path("v4"), &options, &plan, &err), RK_ERR_ARGUMENT);
    options = (rk_convert_options){.dtype = RK_DTYPE_F16, .state_output = "s"};
    cr_assert_eq(rk_convert_plan(model_path("v6"), &options, &plan, &err), RK_ERR_NOT_FOUND);
    cr_assert(strstr(err.message, "time_state") != NULL, "%s", err.message);
    options = (rk_convert_options){.dtype = RK_DTYPE_F16, .root = "nowhere"};
    cr_assert_eq(rk_convert_plan(model_path("v6"), &options, &plan, &err), RK_ERR_NOT_FOUND);
    cr_assert_eq(rk_convert_plan(NULL, &options, &plan, &err), RK_ERR_ARGUMENT);
}

// ---- memory

// A line of /proc/self/status, in bytes; 0 where there is none.
static size_t status_bytes(const char *key) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    size_t kib = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) kib = strtoul(line + strlen(key), NULL, 10);
    }
    if (file != NULL) (void)fclose(file);
    return kib * 1024;
}

static bool reset_peak(void) {
    malloc_trim(0);
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, "5", 1) == 1;
    if (fd >= 0) close(fd);
    return done;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

// The peak of a conversion is below what was foretold, and not far below.
Test(convert_plan, foretells_the_memory) {
    static const test_small_model sizes = {
        .n_vocab = 3000, .n_embd = 512, .n_layer = 2, .n_ffn = 2048, .seed = 5};
    const char *input = test_scratch_path("in.pth"), *output = test_scratch_path("out.bin");
    if (SANITIZED || !reset_peak()) cr_skip_test("memory cannot be measured here");
    cr_assert(test_small_model_write(input, &sizes)); // 30 MB
    for (size_t n_threads = 1; n_threads <= 4; n_threads += 3) {
        for (size_t i = 0; i < 3; i++) {
            rk_pool *pool = NULL;
            const rk_pool_options threads = {.n_threads = n_threads};
            cr_assert_eq(rk_pool_new(&pool, &threads, NULL), RK_OK);
            const rk_convert_options options = {.dtype = dtypes[i], .pool = pool, .no_sync = true};
            const rk_convert_result plan = plan_of(input, &options);
            cr_assert(reset_peak());
            const size_t before = status_bytes("VmRSS:");
            (void)convert(input, output, &options);
            const size_t peak = status_bytes("VmHWM:") - before;
            const size_t slack = 1 << 20; // code, stacks, what describes the tensors
            cr_expect_leq(peak, plan.peak_memory + slack, "%zu threads, %s", n_threads,
                          rk_dtype_describe(dtypes[i])->name);
            cr_expect_geq(peak + slack, plan.peak_memory / 2, "%zu threads, %s", n_threads,
                          rk_dtype_describe(dtypes[i])->name);
            rk_pool_free(&pool);
        }
    }
}

// ---- what is left out

typedef struct left_out {
    char text[512]; // names and reasons
} left_out;

static void note_left_out(void *user, const char *name, rk_left_out reason) {
    left_out *seen = user;
    const size_t length = strlen(seen->text);
    (void)snprintf(seen->text + length, sizeof seen->text - length, "%s%s:%s",
                   length > 0 ? " " : "", name, reason == RK_LEFT_OUT_STATE ? "state" : "unused");
}

static void expect_left_out(const char *name, bool keep_state, const char *expected) {
    left_out planned = {""}, done = {""};
    rk_convert_options options = {.dtype = RK_DTYPE_F16,
                                  .keep_state = keep_state,
                                  .left_out = note_left_out,
                                  .report_user = &planned};
    (void)plan_of(model_path(name), &options);
    options.report_user = &done;
    (void)convert(model_path(name), test_scratch_path("out.bin"), &options);
    cr_expect_str_eq(planned.text, expected);
    cr_expect_str_eq(done.text, expected);
}

Test(convert_plan, names_what_is_left_out) {
    expect_left_out("v7", false, "");
    expect_left_out("v7-v0", false,
                    "blocks.0.att.v0:unused blocks.0.att.v1:unused blocks.0.att.v2:unused");
    expect_left_out("v6-with-state", false,
                    "blocks.0.att.time_state:state blocks.1.att.time_state:state");
    expect_left_out("v6-with-state", true, "");
}

// ---- states

// The state of a model's sequence before any token, after loading `path` where it is given.
static float *initial_state(const char *model_file, const char *path, size_t *n) {
    rk_model *model = NULL;
    rk_state *state = NULL;
    cr_assert_eq(rk_model_open(&model, model_file, NULL, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_state_new(&state, model, 1, &err), RK_OK);
    if (path != NULL) {
        cr_assert_eq(rk_state_load(state, 0, path, &err), RK_OK, "%s", err.message);
    }
    *n = rk_model_describe(model)->state_floats;
    float *flat = calloc(*n, sizeof flat[0]);
    cr_assert_eq(rk_state_export(state, 0, flat, *n, &err), RK_OK);
    rk_state_free(&state);
    rk_model_close(&model);
    return flat;
}

// The state that `input` begins with is the one that `model` begins with after loading `state`.
static void expect_same_state(const char *input, const char *model, const char *state) {
    size_t n_expected, n_found;
    float *expected = initial_state(input, NULL, &n_expected);
    float *found = initial_state(model, state, &n_found);
    size_t n_zeros = 0;
    for (size_t i = 0; i < n_expected; i++) n_zeros += expected[i] == 0.0F;
    cr_assert(n_zeros < n_expected / 2, "nothing to compare");
    cr_assert_eq(n_found, n_expected);
    cr_assert_eq(memcmp(found, expected, n_found * sizeof found[0]), 0);
    free(expected);
    free(found);
}

Test(convert_plan, states_get_a_file_of_their_own) {
    const char *model = test_scratch_path("model.bin"), *state = test_scratch_path("s.safetensors");
    const rk_convert_options options = {.dtype = RK_DTYPE_F16, .state_output = state};
    const rk_convert_result result = convert(model_path("v6-with-state"), model, &options);
    cr_expect_eq(result.n_states_written, 2);
    cr_expect_eq(result.n_states_left_out, 2);
    expect_same_state(model_path("v6-with-state"), model, state);

    rk_checkpoint *file = NULL;
    cr_assert_eq(rk_checkpoint_open(&file, state, &err), RK_OK, "%s", err.message);
    cr_expect_eq(rk_checkpoint_container(file), RK_CONTAINER_SAFETENSORS);
    cr_assert_eq(rk_checkpoint_count(file), 2);
    cr_expect_str_eq(rk_checkpoint_tensor(file, 1)->name, "blocks.1.att.time_state");
    rk_checkpoint_close(&file);
}

// A model file that holds a state keeps it, unless there is a file for it; then it is turned back.
Test(convert_plan, states_inside_model_files) {
    const char *with = test_scratch_path("with.bin"), *again = test_scratch_path("again.bin");
    const char *without = test_scratch_path("without.bin");
    const char *state = test_scratch_path("s.safetensors");
    rk_convert_options options = {.dtype = RK_DTYPE_F32, .keep_state = true};
    (void)convert(model_path("v6-with-state"), with, &options);
    options.keep_state = false;
    cr_expect_eq(convert(with, again, &options).n_states_left_out, 0);
    cr_expect(test_same_bytes(with, again));
    options.state_output = state;
    cr_expect_eq(convert(with, without, &options).n_states_left_out, 2);
    expect_same_state(model_path("v6-with-state"), without, state);
    options.keep_state = true;
    const rk_convert_result both = convert(with, again, &options);
    cr_expect_eq(both.n_states_written, 2);
    cr_expect_eq(both.n_states_left_out, 0);
    cr_expect(test_same_bytes(with, again));
}

Test(convert_plan, without_a_state_nothing_is_written) {
    const char *model = test_scratch_path("model.bin"), *state = test_scratch_path("s.safetensors");
    const rk_convert_options options = {.dtype = RK_DTYPE_F16, .state_output = state};
    cr_assert_eq(rk_convert(model_path("v7"), model, &options, NULL, &err), RK_ERR_NOT_FOUND);
    cr_assert_eq(test_scratch_count(), 0);
}
