// Whole-file jobs: copies, types that are kept or refused, threads, progress, and failures that
// leave nothing behind.
#include <criterion/criterion.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/small_model.h"
#include "rk/convert.h"

TestSuite(convert_jobs, .fini = test_scratch_remove);

// Large enough for several slabs a tensor, and for rows that fill a slab with few of them.
static const test_small_model wide = {
    .n_vocab = 9001, .n_embd = 64, .n_layer = 1, .n_ffn = 20000, .seed = 7};
static const test_small_model tiny = {
    .n_vocab = 96, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 3};

static rk_error last_error;

static rk_status run(const char *input, const char *output, const rk_convert_options *options) {
    last_error = (rk_error){0};
    return rk_convert(input, output, options, NULL, &last_error);
}

static void convert(const char *input, const char *output, rk_dtype dtype) {
    const rk_convert_options options = {.dtype = dtype, .mix = RK_MIX_REFERENCE};
    cr_assert_eq(run(input, output, &options), RK_OK, "%s", last_error.message);
}

static const char *make_model(const char *name, const test_small_model *sizes) {
    const char *path = test_scratch_path(name);
    cr_assert(test_small_model_write(path, sizes));
    return path;
}

static void expect_message(const char *part) {
    cr_expect(strstr(last_error.message, part) != NULL, "\"%s\" lacks \"%s\"", last_error.message,
              part);
}

Test(convert_jobs, any_number_of_threads_gives_the_same_file) {
    const char *input = make_model("model.pth", &wide);
    const char *alone = test_scratch_path("alone.bin");
    convert(input, alone, RK_DTYPE_Q5_1);
    for (size_t n_threads = 2; n_threads <= 7; n_threads += n_threads == 3 ? 4 : 1) {
        rk_pool *pool = NULL;
        cr_assert_eq(rk_pool_new(&pool, &(rk_pool_options){.n_threads = n_threads}, NULL), RK_OK);
        const rk_convert_options options = {
            .dtype = RK_DTYPE_Q5_1, .mix = RK_MIX_REFERENCE, .pool = pool};
        const char *output = test_scratch_path("pool.bin");
        cr_assert_eq(run(input, output, &options), RK_OK, "%s", last_error.message);
        cr_expect(test_same_bytes(alone, output), "%zu threads", n_threads);
        rk_pool_free(&pool);
    }
}

// Tensors of several slabs: every row is where it belongs.
Test(convert_jobs, slabs_join_without_seams) {
    test_small_tensors source = test_small_model_new(&wide);
    const char *input = test_scratch_path("model.pth");
    cr_assert(test_pth_write(input, source.tensors, source.count));
    const char *output = test_scratch_path("model.bin");
    convert(input, output, RK_DTYPE_F32);
    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    cr_assert_eq(file.n_records, source.count);
    for (size_t i = 0; i < file.n_records; i++) {
        const test_record *r = &file.records[i];
        if (strstr(r->name, "time_decay") != NULL) continue;
        cr_expect_eq(r->size, 4 * source.tensors[i].n_values);
        cr_expect_eq(memcmp(r->data, source.tensors[i].data, r->size), 0, "%s", r->name);
    }
    test_model_file_free(&file);
    test_small_model_free(&source);
}

typedef struct sums {
    double error[64], value[64];
    size_t count;
} sums;

static void note_sums(void *user, const rk_convert_tensor *tensor) {
    sums *s = user;
    s->error[s->count] = tensor->rms_error;
    s->value[s->count] = tensor->rms_value;
    s->count++;
}

Test(convert_jobs, reports_do_not_depend_on_threads) {
    const char *input = make_model("model.pth", &wide);
    const char *output = test_scratch_path("model.bin");
    sums alone = {0}, together = {0};
    rk_convert_options options = {
        .dtype = RK_DTYPE_Q4_0, .report = note_sums, .report_user = &alone};
    cr_assert_eq(run(input, output, &options), RK_OK, "%s", last_error.message);
    cr_assert_eq(rk_pool_new(&options.pool, &(rk_pool_options){.n_threads = 3}, NULL), RK_OK);
    options.report_user = &together;
    cr_assert_eq(run(input, output, &options), RK_OK, "%s", last_error.message);
    cr_expect_eq(alone.count, 24);
    cr_expect_eq(memcmp(&alone, &together, sizeof alone), 0);
    rk_pool_free(&options.pool);
}

Test(convert_jobs, the_same_type_is_a_copy) {
    const char *input = make_model("model.pth", &tiny);
    const rk_dtype types[] = {RK_DTYPE_F32, RK_DTYPE_F16, RK_DTYPE_Q4_0, RK_DTYPE_Q8_0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *first = test_scratch_path("first.bin");
        const char *second = test_scratch_path("second.bin");
        convert(input, first, types[i]);
        convert(first, second, types[i]);
        cr_expect(test_same_bytes(first, second), "%s", rk_dtype_describe(types[i])->name);
        const rk_convert_options kept = {.keep_dtype = true};
        cr_assert_eq(run(first, second, &kept), RK_OK, "%s", last_error.message);
        cr_expect(test_same_bytes(first, second), "kept %s", rk_dtype_describe(types[i])->name);
    }
}

Test(convert_jobs, quantized_input_is_refused_unless_allowed) {
    const char *input = make_model("model.pth", &tiny);
    const char *quantized = test_scratch_path("q4.bin");
    const char *output = test_scratch_path("out.bin");
    convert(input, quantized, RK_DTYPE_Q4_0);
    const rk_dtype others[] = {RK_DTYPE_Q4_1, RK_DTYPE_Q8_0, RK_DTYPE_F16, RK_DTYPE_F32};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        rk_convert_options options = {.dtype = others[i]};
        cr_expect_eq(run(quantized, output, &options), RK_ERR_UNSUPPORTED);
        expect_message("q4.bin");
        expect_message("blocks.0.att.key.weight");
        expect_message("Q4_0");
        cr_expect_not(test_file_exists(output));
        options.allow_requantize = true;
        cr_expect_eq(run(quantized, output, &options), RK_OK, "%s", last_error.message);
        cr_expect_eq(remove(output), 0);
    }
}

Test(convert_jobs, allowed_requantizing_works_on_the_decoded_values) {
    const char *input = make_model("model.pth", &tiny);
    const char *quantized = test_scratch_path("q8.bin");
    const char *output = test_scratch_path("fp32.bin");
    convert(input, quantized, RK_DTYPE_Q8_0);
    const rk_convert_options options = {.dtype = RK_DTYPE_F32, .allow_requantize = true};
    cr_assert_eq(run(quantized, output, &options), RK_OK, "%s", last_error.message);
    test_model_file blocks, floats;
    cr_assert(test_model_file_read(&blocks, quantized));
    cr_assert(test_model_file_read(&floats, output));
    const test_record *q = test_model_file_find(&blocks, "blocks.1.ffn.value.weight");
    const test_record *f = test_model_file_find(&floats, "blocks.1.ffn.value.weight");
    for (size_t i = 0; i < q->n_values; i++) {
        const uint8_t *block = q->data + i / 32 * 34; // { fp16 d; int8 q[32] }
        const double d = test_half((uint16_t)(block[0] | block[1] << 8));
        cr_assert_eq(test_record_value(f, i), d * (double)(int8_t)block[2 + i % 32], "value %zu",
                     i);
    }
    test_model_file_free(&blocks);
    test_model_file_free(&floats);
}

Test(convert_jobs, kept_types_of_checkpoints) {
    const char *output = test_scratch_path("out.bin");
    const rk_convert_options kept = {.keep_dtype = true};
    cr_assert_eq(run(RK_MODELS "/demo/demo-rwkv4.pth", output, &kept), RK_OK, "%s",
                 last_error.message); // bfloat16
    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    cr_expect_eq(file.type, 1);
    cr_expect_eq(test_model_file_find(&file, "blocks.0.att.key.weight")->type, 1);
    cr_expect_eq(test_model_file_find(&file, "blocks.0.ln1.weight")->type, 0);
    test_model_file_free(&file);

    cr_assert_eq(run(make_model("model.pth", &tiny), output, &kept), RK_OK, "%s",
                 last_error.message); // float32
    cr_assert(test_model_file_read(&file, output));
    cr_expect_eq(file.type, 0);
    cr_expect_eq(test_model_file_find(&file, "emb.weight")->type, 0);
    test_model_file_free(&file);
}

// Rows of 48 values are no whole blocks: those matrices become FP16.
Test(convert_jobs, odd_rows_are_not_quantized) {
    const test_small_model odd = {
        .n_vocab = 64, .n_embd = 48, .n_layer = 1, .n_ffn = 96, .seed = 5};
    const char *output = test_scratch_path("out.bin");
    convert(make_model("model.pth", &odd), output, RK_DTYPE_Q4_0);
    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    cr_expect_eq(file.type, 2);
    cr_expect_eq(test_model_file_find(&file, "blocks.0.att.key.weight")->type, 1);
    cr_expect_eq(test_model_file_find(&file, "blocks.0.ffn.value.weight")->type, 2);
    test_model_file_free(&file);
}

Test(convert_jobs, types_that_model_files_lack_are_refused) {
    const char *input = make_model("model.pth", &tiny);
    const char *output = test_scratch_path("out.bin");
    const rk_dtype wrong[] = {RK_DTYPE_BF16, RK_DTYPE_F64, RK_DTYPE_I8, RK_DTYPE_Q4_2_V100,
                              RK_DTYPE_COUNT};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const rk_convert_options options = {.dtype = wrong[i], .version = 101};
        cr_expect_eq(run(input, output, &options), RK_ERR_ARGUMENT, "%d", (int)wrong[i]);
        expect_message("FP32, FP16, Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0");
        cr_expect_not(test_file_exists(output));
    }
    cr_expect_eq(rk_convert(input, output, NULL, NULL, NULL), RK_ERR_ARGUMENT);
    const rk_convert_options options = {.dtype = RK_DTYPE_F16};
    cr_expect_eq(rk_convert(NULL, output, &options, NULL, NULL), RK_ERR_ARGUMENT);
    cr_expect_eq(rk_convert(input, NULL, &options, NULL, NULL), RK_ERR_ARGUMENT);
    const rk_convert_options no_list = {.dtype = RK_DTYPE_F16, .n_adapters = 2};
    cr_expect_eq(rk_convert(input, output, &no_list, NULL, NULL), RK_ERR_ARGUMENT);
}

Test(convert_jobs, values_that_do_not_fit_are_refused_by_name) {
    test_small_tensors source = test_small_model_new(&tiny);
    const char *input = test_scratch_path("model.pth");
    const char *output = test_scratch_path("out.bin");
    test_small_model_find(&source, "blocks.1.att.output.weight")[100] = 1e6F;
    cr_assert(test_pth_write(input, source.tensors, source.count));
    const rk_convert_options fp16 = {.dtype = RK_DTYPE_F16};
    cr_expect_eq(run(input, output, &fp16), RK_ERR_RANGE);
    expect_message("blocks.1.att.output.weight");
    expect_message("1e+06");
    test_small_model_find(&source, "blocks.1.att.output.weight")[100] = NAN;
    cr_assert(test_pth_write(input, source.tensors, source.count));
    const rk_convert_options q8 = {.dtype = RK_DTYPE_Q8_0};
    cr_expect_eq(run(input, output, &q8), RK_ERR_RANGE);
    expect_message("blocks.1.att.output.weight");
    cr_expect_not(test_file_exists(output));
    cr_expect_eq(test_scratch_count(), 1, "a temporary file is left");
    const rk_convert_options fp32 = {.dtype = RK_DTYPE_F32};
    cr_expect_eq(run(input, output, &fp32), RK_OK, "%s", last_error.message);
    test_small_model_free(&source);
}

typedef struct watch {
    uint64_t last, total;
    size_t calls, stop_at; // 0: never
} watch;

static bool see_progress(void *user, uint64_t done, uint64_t total) {
    watch *w = user;
    cr_expect(done >= w->last && done <= total, "%lu after %lu", done, w->last);
    w->last = done;
    w->total = total;
    w->calls++;
    return w->calls != w->stop_at;
}

Test(convert_jobs, progress_counts_the_bytes_of_the_input) {
    const char *input = make_model("model.pth", &wide);
    watch seen = {0};
    const rk_convert_options options = {.dtype = RK_DTYPE_Q4_0, .progress = {see_progress, &seen}};
    rk_convert_result result;
    cr_assert_eq(rk_convert(input, test_scratch_path("out.bin"), &options, &result, NULL), RK_OK);
    cr_expect_eq(seen.last, seen.total);
    cr_expect_eq(seen.total, result.input_bytes);
    cr_expect_eq(seen.total, 4 * result.n_parameters);
    cr_expect_eq(result.n_parameters, 2 * 9001 * 64 + 2 * 20000 * 64 + 5 * 64 * 64 + 15 * 64);
    cr_expect_gt(seen.calls, result.n_tensors / 2);
}

Test(convert_jobs, cancelling_keeps_the_old_file) {
    const char *input = make_model("model.pth", &tiny);
    const char *output = test_scratch_path("out.bin");
    cr_assert(test_write_file(output, "old", 3));
    for (size_t stop_at = 1; stop_at <= 40; stop_at += 13) {
        watch seen = {.stop_at = stop_at};
        const rk_convert_options options = {.dtype = RK_DTYPE_F16,
                                            .progress = {see_progress, &seen}};
        cr_expect_eq(run(input, output, &options), RK_ERR_CANCELLED);
        expect_message("out.bin");
        cr_expect_eq(seen.calls, stop_at);
        size_t size;
        unsigned char *data = test_read_file(output, &size);
        cr_expect(size == 3 && memcmp(data, "old", 3) == 0);
        free(data);
        cr_expect_eq(test_scratch_count(), 2, "a temporary file is left");
    }
}

Test(convert_jobs, failures_leave_nothing) {
    const char *input = make_model("model.pth", &tiny);
    const rk_convert_options options = {.dtype = RK_DTYPE_F16};
    cr_expect_eq(run(input, test_scratch_path("missing/out.bin"), &options), RK_ERR_IO);
    expect_message("missing/out.bin");
    const char *directory = test_scratch_path("directory");
    cr_assert_eq(mkdir(directory, 0700), 0);
    cr_expect_neq(run(input, directory, &options), RK_OK);
    expect_message("directory");
    const char *output = test_scratch_path("out.bin");
    cr_expect_eq(run(test_scratch_path("none.pth"), output, &options), RK_ERR_IO);
    expect_message("none.pth");
    cr_assert(test_write_file(test_scratch_path("text.pth"), "hello\n", 6));
    cr_expect_neq(run(test_scratch_path("text.pth"), output, &options), RK_OK);
    expect_message("text.pth");
    cr_expect_neq(run(RK_MODELS "/demo/demo-lora.pth", output, &options), RK_OK);
    expect_message("demo-lora.pth");
    cr_expect_not(test_file_exists(output));
    cr_expect_eq(test_scratch_count(), 3);
}

// A limit on the size of files stands in for a full disk.
Test(convert_jobs, a_full_disk_leaves_nothing) {
    const char *input = make_model("model.pth", &tiny);
    const char *output = test_scratch_path("out.bin");
    cr_assert(test_write_file(output, "old", 3));
    cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    const struct rlimit limit = {.rlim_cur = 40000, .rlim_max = RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const rk_convert_options options = {.dtype = RK_DTYPE_F32};
    cr_expect_eq(run(input, output, &options), RK_ERR_IO);
    expect_message("out.bin");
    size_t size;
    unsigned char *data = test_read_file(output, &size);
    cr_expect(size == 3 && memcmp(data, "old", 3) == 0);
    free(data);
    cr_expect_eq(test_scratch_count(), 2, "a temporary file is left");
}

Test(convert_jobs, a_file_can_be_converted_onto_itself) {
    const char *input = make_model("model.pth", &tiny);
    const char *beside = test_scratch_path("beside.bin");
    convert(input, beside, RK_DTYPE_Q4_1);
    convert(input, input, RK_DTYPE_Q4_1);
    cr_expect(test_same_bytes(input, beside));
    cr_expect_eq(test_scratch_count(), 2);
}
