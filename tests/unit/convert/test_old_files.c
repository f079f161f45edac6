// Model files of version 100: what their writer writes, and what becomes of them.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/convert.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(old_files, .fini = test_scratch_remove);

static rk_error err;

static const test_small_model sizes = {
    .n_vocab = 64, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 21};

static const char *make_model(void) {
    const char *path = test_scratch_path("model.pth");
    cr_assert(test_small_model_write(path, &sizes));
    return path;
}

static void convert(const char *input, const char *output, const rk_convert_options *options) {
    cr_assert_eq(rk_convert(input, output, options, NULL, &err), RK_OK, "%s", err.message);
}

// ids of version 100, docs/formats.md section 1.3
static const struct {
    rk_dtype dtype;
    int32_t id;
} formats[] = {
    {RK_DTYPE_Q4_0_V100, 2}, {RK_DTYPE_Q4_1_V100, 3}, {RK_DTYPE_Q4_1_O_V100, 4},
    {RK_DTYPE_Q4_2_V100, 5}, {RK_DTYPE_Q4_3_V100, 6}, {RK_DTYPE_Q5_0_V100, 7},
    {RK_DTYPE_Q5_1_V100, 8}, {RK_DTYPE_Q8_0_V100, 9},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static void expect_old_file(const char *path, int32_t id) {
    test_model_file file;
    cr_assert(test_model_file_read(&file, path));
    cr_expect_eq(file.version, 100u);
    cr_expect_eq(file.type, id);
    size_t n_quantized = 0;
    for (size_t i = 0; i < file.n_records; i++) {
        const test_record *r = &file.records[i];
        const bool outer =
            strcmp(r->name, "emb.weight") == 0 || strcmp(r->name, "head.weight") == 0;
        cr_expect_eq(r->type, r->dim_count == 1 ? 0 : outer ? 1 : id, "%s", r->name);
        n_quantized += r->type == id;
    }
    cr_expect_eq(n_quantized, 14u);
    test_model_file_free(&file);
}

// Every format, by its own type, and for those of both versions by the version that is wanted.
Test(old_files, are_written_in_every_format) {
    const char *input = make_model(), *output = test_scratch_path("old.bin");
    const char *again = test_scratch_path("again.bin");
    for (size_t i = 0; i < N_FORMATS; i++) {
        rk_convert_options options = {.dtype = formats[i].dtype};
        convert(input, output, &options);
        expect_old_file(output, formats[i].id);
        if (!rk_dtype_in_version(&options.dtype, formats[i].dtype, 101)) continue;
        options.version = 100;
        convert(input, again, &options);
        cr_expect(test_same_bytes(output, again));
    }
}

Test(old_files, hold_floats_too) {
    const char *input = make_model(), *new_file = test_scratch_path("new.bin");
    const char *old_file = test_scratch_path("old.bin");
    const rk_convert_options to_new = {.dtype = RK_DTYPE_F16};
    const rk_convert_options to_old = {.dtype = RK_DTYPE_F16, .version = 100};
    convert(input, new_file, &to_new);
    convert(input, old_file, &to_old);
    size_t n_new, n_old;
    unsigned char *of_new = test_read_file(new_file, &n_new);
    unsigned char *of_old = test_read_file(old_file, &n_old);
    cr_assert_eq(n_new, n_old);
    cr_expect_eq(of_new[4], 101);
    cr_expect_eq(of_old[4], 100);
    of_new[4] = 100;
    cr_expect_arr_eq(of_new, of_old, n_new); // nothing but the version differs
    free(of_new);
    free(of_old);
}

Test(old_files, of_other_versions_of_rwkv_are_refused) {
    static const char *const names[] = {"v5.2", "v6", "v7"};
    for (size_t i = 0; i < 3; i++) {
        char input[512];
        (void)snprintf(input, sizeof input, "%s/models/%s.pth", RK_TEST_DATA, names[i]);
        const rk_convert_options fp16 = {.dtype = RK_DTYPE_F16, .version = 100};
        cr_expect_eq(rk_convert(input, test_scratch_path("out.bin"), &fp16, NULL, &err),
                     RK_ERR_UNSUPPORTED);
        cr_expect_not_null(strstr(err.message, "RWKV-4 alone"), "%s", err.message);
        cr_expect_not(test_file_exists(test_scratch_path("out.bin")));
    }
}

Test(old_files, versions_that_do_not_exist_are_refused) {
    const char *input = make_model(), *output = test_scratch_path("out.bin");
    const unsigned wrong[] = {1, 99, 102};
    for (size_t i = 0; i < 3; i++) {
        const rk_convert_options options = {.dtype = RK_DTYPE_F16, .version = wrong[i]};
        cr_expect_eq(rk_convert(input, output, &options, NULL, &err), RK_ERR_ARGUMENT);
    }
    const rk_convert_options options = {.dtype = RK_DTYPE_Q4_3_V100, .version = 101};
    cr_expect_eq(rk_convert(input, output, &options, NULL, &err), RK_ERR_ARGUMENT);
    cr_expect_not_null(strstr(err.message, "Q4_3"), "%s", err.message);
}

// ---- from old files to new ones

// From version 101 to 100 and back, the file comes back as it was: codes are only moved.
Test(old_files, codes_are_moved_there_and_back) {
    const char *input = make_model(), *new_file = test_scratch_path("new.bin");
    const char *old_file = test_scratch_path("old.bin"), *back = test_scratch_path("back.bin");
    for (rk_dtype dtype = RK_DTYPE_Q4_0; dtype <= RK_DTYPE_Q8_0; dtype++) {
        for (int mix = RK_MIX_DEFAULT; mix <= RK_MIX_PURE; mix++) {
            rk_convert_options options = {.dtype = dtype, .mix = (rk_mix)mix};
            convert(input, new_file, &options);
            options = (rk_convert_options){.dtype = dtype, .version = 100};
            convert(new_file, old_file, &options);
            options.version = 101;
            convert(old_file, back, &options);
            cr_expect(test_same_bytes(new_file, back), "%s", rk_dtype_describe(dtype)->name);
            const rk_convert_options kept = {.keep_dtype = true};
            convert(old_file, back, &kept);
            cr_expect(test_same_bytes(new_file, back), "%s", rk_dtype_describe(dtype)->name);
        }
    }
}

typedef struct worst {
    double relative; // the largest error of a tensor, as a share of its values
    size_t n_moved;
} worst;

static void see_error(void *user, const rk_convert_tensor *tensor) {
    worst *seen = user;
    if (rk_dtype_describe(tensor->from)->class_ != RK_CLASS_BLOCK) return;
    const double relative = tensor->rms_error / tensor->rms_value;
    if (relative > seen->relative) seen->relative = relative;
    seen->n_moved++;
}

// Steps in float32 are mostly no FP16 numbers: then it is refused, with the reason; where it is
// allowed, the codes stay and the steps alone are rounded, by 2^-12 at most.
Test(old_files, float_steps_are_rounded_only_when_allowed) {
    const char *input = make_model(), *old_file = test_scratch_path("old.bin");
    const char *output = test_scratch_path("out.bin");
    const rk_dtype with_floats[] = {RK_DTYPE_Q4_0, RK_DTYPE_Q4_1, RK_DTYPE_Q8_0};
    for (size_t i = 0; i < 3; i++) {
        rk_convert_options options = {.dtype = with_floats[i], .version = 100};
        convert(input, old_file, &options);
        worst seen = {0};
        options = (rk_convert_options){
            .dtype = with_floats[i], .report = see_error, .report_user = &seen};
        cr_expect_eq(rk_convert(old_file, output, &options, NULL, &err), RK_ERR_UNSUPPORTED);
        cr_expect_not_null(strstr(err.message, "blocks.0.att.key.weight"), "%s", err.message);
        cr_expect_not_null(strstr(err.message, "FP16"), "%s", err.message);
        cr_expect_not(test_file_exists(output));
        seen = (worst){0};
        options.allow_requantize = true;
        convert(old_file, test_scratch_path("allowed.bin"), &options);
        cr_expect_eq(seen.n_moved, 14u);
        cr_expect(seen.relative > 0.0 && seen.relative < 0x1p-10, "%g", seen.relative);
    }
}

// A float32 step beyond FP16 is refused even where it is allowed to round steps, also when all
// codes of the block stand for zeros: in the new file they would be NaN.
Test(old_files, steps_beyond_fp16_are_refused) {
    const char *input = make_model(), *old_file = test_scratch_path("old.bin");
    const char *output = test_scratch_path("out.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_Q4_0, .version = 100};
    convert(input, old_file, &options);
    test_model_file file;
    cr_assert(test_model_file_read(&file, old_file));
    const test_record *record = test_model_file_find(&file, "blocks.1.att.value.weight");
    uint8_t *block = file.bytes + (record->data - file.bytes);
    const float step = 70000.0F;
    memcpy(block, &step, sizeof step);
    memset(block + sizeof step, 0x88, 16);
    cr_assert(test_write_file(old_file, file.bytes, file.size));
    test_model_file_free(&file);
    options = (rk_convert_options){.dtype = RK_DTYPE_Q4_0, .allow_requantize = true};
    cr_expect_eq(rk_convert(old_file, output, &options, NULL, &err), RK_ERR_RANGE);
    cr_expect_not_null(strstr(err.message, "blocks.1.att.value.weight"), "%s", err.message);
    cr_expect_not(test_file_exists(output));
}

// Q5_0 and Q5_1 differ in the order of the nibbles alone, so they always move.
Test(old_files, q5_always_moves) {
    const char *input = make_model(), *old_file = test_scratch_path("old.bin");
    const char *output = test_scratch_path("out.bin");
    const rk_dtype both[] = {RK_DTYPE_Q5_0, RK_DTYPE_Q5_1};
    for (size_t i = 0; i < 2; i++) {
        rk_convert_options options = {.dtype = both[i], .version = 100};
        convert(input, old_file, &options);
        worst seen = {0};
        options = (rk_convert_options){.dtype = both[i], .report = see_error, .report_user = &seen};
        convert(old_file, output, &options);
        cr_expect_eq(seen.n_moved, 14u);
        cr_expect_eq(seen.relative, 0.0);
        // What was quantized anew from the checkpoint has the same codes.
        const char *fresh = test_scratch_path("fresh.bin");
        options = (rk_convert_options){
            .dtype = both[i], .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
        convert(input, fresh, &options);
        cr_expect(test_same_bytes(output, fresh));
    }
}

// Formats that version 101 lacks can only be rounded again.
Test(old_files, formats_without_a_successor_are_refused) {
    const char *input = make_model(), *old_file = test_scratch_path("old.bin");
    const char *output = test_scratch_path("out.bin");
    static const struct {
        rk_dtype old, nearest;
    } pairs[] = {{RK_DTYPE_Q4_1_O_V100, RK_DTYPE_Q4_1},
                 {RK_DTYPE_Q4_2_V100, RK_DTYPE_Q4_0},
                 {RK_DTYPE_Q4_3_V100, RK_DTYPE_Q4_1}};
    for (size_t i = 0; i < 3; i++) {
        rk_convert_options options = {.dtype = pairs[i].old};
        convert(input, old_file, &options);
        options = (rk_convert_options){.dtype = pairs[i].nearest};
        cr_expect_eq(rk_convert(old_file, output, &options, NULL, &err), RK_ERR_UNSUPPORTED);
        cr_expect_not_null(strstr(err.message, "already quantized"), "%s", err.message);
        options.allow_requantize = true;
        convert(old_file, output, &options);
        test_model_file file;
        cr_assert(test_model_file_read(&file, output));
        cr_expect_eq(file.version, 101u);
        test_model_file_free(&file);
    }
}

// Files of early April 2023 have embedding and head quantized: these move like all other matrices.
Test(old_files, early_files_keep_their_quantized_embedding) {
    const char *input = make_model(), *early = test_scratch_path("early.bin");
    const char *output = test_scratch_path("out.bin"), *pure = test_scratch_path("pure.bin");
    const rk_type_rule rule = {"^(emb|head)\\.weight$", RK_DTYPE_Q5_1};
    rk_convert_options options = {
        .dtype = RK_DTYPE_Q5_1, .version = 100, .rules = &rule, .n_rules = 1};
    convert(input, early, &options);
    options = (rk_convert_options){.dtype = RK_DTYPE_Q5_1, .method = RK_METHOD_ROUND};
    convert(early, output, &options);
    options.mix = RK_MIX_PURE;
    convert(input, pure, &options);
    cr_expect(test_same_bytes(output, pure));
}
