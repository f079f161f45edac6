// Adapters of every kind, against merges that numpy made in float64 (tests/data/adapters).
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter_files.h"
#include "rk/pool.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/small_model.h"

TestSuite(adapter_kinds, .fini = test_scratch_remove);

static rk_adapter adapter(const char *name, double scale) {
    return (rk_adapter){.path = test_adapter_path(name), .alpha = NAN, .scale = scale};
}

static rk_adapter pissa(double scale) {
    rk_adapter out = adapter("pissa", scale);
    out.init = test_adapter_path("pissa-init");
    return out;
}

// Half a unit in the last place of a record's type.
static double half_unit(const test_record *record, double value) {
    int exponent;
    (void)frexp(value, &exponent);
    return record->type == 1 ? fmax(ldexp(1, exponent - 12), 0x1p-25) : ldexp(1, exponent - 25);
}

// A checkpoint's value as the model file has it.
static double converted(const char *name, double value) {
    return strstr(name, "time_decay") != NULL ? -exp(value) : value;
}

// What float32 may be off before the last rounding: terms of a product, and of shards one behind
// the other, are not larger than the values themselves by much.
static double slack(const double *values, size_t n, size_t n_steps) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(values[i]));
    return (double)n_steps * 4 * 0x1p-24 * fmax(largest, 1);
}

// Every value that changed is that of numpy, and no other value changed.
static void expect_merged(const char *output, const char *base, const char *expected,
                          size_t n_steps) {
    test_model_file merged, before;
    rk_checkpoint *file = test_open(test_adapter_path(expected));
    size_t n_found = 0;
    cr_assert(test_model_file_read(&merged, output));
    cr_assert(test_model_file_read(&before, base));
    for (size_t i = 0; i < merged.n_records; i++) {
        const test_record *r = &merged.records[i];
        size_t index, n;
        if (!rk_checkpoint_find(file, r->name, &index)) {
            cr_expect_eq(memcmp(r->data, before.records[i].data, r->size), 0, "%s", r->name);
            continue;
        }
        double *want = test_read_doubles(file, index, &n);
        const double around = slack(want, n, n_steps);
        cr_assert_eq(n, r->n_values);
        n_found++;
        for (size_t k = 0; k < n; k++) {
            const double value = converted(r->name, want[k]);
            const double limit = 1.0001 * half_unit(r, value) + around;
            const double error = fabs(test_record_value(r, k) - value);
            cr_assert(error <= limit, "%s: %s[%zu] is %.9g, expected %.9g +- %.2g", expected,
                      r->name, k, test_record_value(r, k), value, limit);
        }
        free(want);
    }
    cr_expect_eq(n_found, rk_checkpoint_count(file), "%s", expected);
    rk_checkpoint_close(&file);
    test_model_file_free(&merged);
    test_model_file_free(&before);
}

static void merge_into(rk_dtype dtype, const rk_adapter *adapters, size_t n, const char *expected) {
    const char *output = test_scratch_path("out.bin"), *base = test_scratch_path("base.bin");
    const char *input = test_adapter_path("base");
    rk_convert_options options = {.dtype = dtype};
    test_convert(input, base, &options);
    options.adapters = adapters;
    options.n_adapters = n;
    test_convert(input, output, &options);
    expect_merged(output, base, expected, n);
}

static void expect_kind(rk_adapter one, const char *name) {
    char expected[64];
    (void)snprintf(expected, sizeof expected, "%s.expected", name);
    merge_into(RK_DTYPE_F32, &one, 1, expected);
    merge_into(RK_DTYPE_F16, &one, 1, expected);
}

Test(adapter_kinds, lora_with_alpha_in_its_metadata) {
    expect_kind(adapter("lora", 1), "lora");
}

Test(adapter_kinds, pissa) {
    expect_kind(pissa(1), "pissa");
}

Test(adapter_kinds, miss) {
    expect_kind(adapter("miss", 1), "miss");
    expect_kind(adapter("miss-peft", 1), "miss-peft");
}

Test(adapter_kinds, bone) {
    expect_kind(adapter("bone", 1), "bone");
    expect_kind(adapter("bone-by-rows", 1), "bone-by-rows");
    expect_kind(adapter("bone-peft", 1), "bone-peft");
    expect_kind(adapter("bone-first", 1), "bone-first");
}

// As make_adapters.py has them.
Test(adapter_kinds, several_with_scales) {
    char paths[5][512];
    rk_adapter list[] = {adapter("lora", 0.5), adapter("bone", 2), pissa(-1), adapter("miss", 0.25),
                         adapter("bone-by-rows", 0.5)};
    static const char *const names[] = {"lora", "bone", "pissa", "miss", "bone-by-rows"};
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s", test_adapter_path(names[i]));
        list[i].path = paths[i];
    }
    char init[512];
    (void)snprintf(init, sizeof init, "%s", test_adapter_path("pissa-init"));
    list[2].init = init;
    merge_into(RK_DTYPE_F32, list, 5, "several.expected");
    merge_into(RK_DTYPE_F16, list, 5, "several.expected");
}

// ---- undoing

static void expect_undone(rk_adapter one) {
    const char *base = test_scratch_path("base.bin");
    const char *merged = test_scratch_path("merged.bin");
    const char *back = test_scratch_path("back.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_F32};
    test_convert(test_adapter_path("base"), base, &options);
    options.adapters = &one;
    options.n_adapters = 1;
    test_convert(base, merged, &options);
    options.subtract = true;
    test_convert(merged, back, &options);
    cr_expect_gt(test_largest_difference(base, merged), 1e-3, "%s", one.path);
    const double left = test_largest_difference(base, back);
    cr_expect(left <= 1e-6, "%s: %g", one.path, left);
}

Test(adapter_kinds, every_kind_can_be_undone) {
    static const char *const names[] = {"miss",         "miss-peft", "bone",
                                        "bone-by-rows", "bone-peft", "bone-first"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        expect_undone(adapter(names[i], 1));
        expect_undone(adapter(names[i], 0.3));
    }
    expect_undone(pissa(1));
    expect_undone(pissa(-2));
}

Test(adapter_kinds, replacements_cannot_be_undone) {
    const rk_adapter one = adapter("lora", 1);
    const rk_convert_options options = {
        .dtype = RK_DTYPE_F32, .adapters = &one, .n_adapters = 1, .subtract = true};
    rk_error err = {0};
    const char *output = test_scratch_path("out.bin");
    cr_expect_eq(rk_convert(test_adapter_path("base"), output, &options, NULL, &err),
                 RK_ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(err.message, "replaces 3 tensors (blocks.0.ln1.weight ...)"), "%s",
                       err.message);
    cr_expect_not(test_file_exists(output));
}

// Undone in the other order than they were merged in: with blocks that are multiplied it matters.
Test(adapter_kinds, several_are_undone_in_the_other_order) {
    char first[512], second[512];
    (void)snprintf(first, sizeof first, "%s", test_adapter_path("bone"));
    (void)snprintf(second, sizeof second, "%s", test_adapter_path("bone-by-rows"));
    const rk_adapter list[] = {{first, NAN, 1, NULL}, {second, NAN, 1, NULL}};
    const char *base = test_scratch_path("base.bin");
    const char *merged = test_scratch_path("merged.bin");
    const char *back = test_scratch_path("back.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_F32};
    test_convert(test_adapter_path("base"), base, &options);
    options.adapters = list;
    options.n_adapters = 2;
    test_convert(base, merged, &options);
    options.subtract = true;
    test_convert(merged, back, &options);
    const double left = test_largest_difference(base, back);
    cr_expect(left <= 2e-6, "%g", left);
}

// ---- threads

// Blocks that lie over the borders of slabs: the output is the same for any number of threads.
Test(adapter_kinds, shards_do_not_depend_on_threads) {
    enum { ROWS = 20000, COLUMNS = 32, SIZE = 8 };
    static float shards[COLUMNS / SIZE * SIZE * SIZE], added[5 * ROWS];
    const test_small_model sizes = {
        .n_vocab = 64, .n_embd = COLUMNS, .n_layer = 1, .n_ffn = ROWS, .seed = 9};
    const char *model = test_scratch_path("model.pth"), *file = test_scratch_path("bone.pth");
    const char *alone = test_scratch_path("alone.bin"), *plenty = test_scratch_path("plenty.bin");
    cr_assert(test_small_model_write(model, &sizes));
    test_fill(shards, sizeof shards / sizeof shards[0], 0.2F, 3);
    test_fill(added, sizeof added / sizeof added[0], 0.2F, 4);
    const test_pth_tensor tensors[] = {
        {"blocks.0.ffn.key.bone",
         "FloatStorage",
         3,
         {COLUMNS / SIZE, SIZE, SIZE},
         NULL,
         shards,
         COLUMNS / SIZE * SIZE * SIZE},
        {"blocks.0.ffn.value.miss", "FloatStorage", 2, {5, COLUMNS}, NULL, added, 5 * COLUMNS}};
    cr_assert(test_pth_write(file, tensors, 2));
    const rk_adapter one = {.path = file, .alpha = NAN, .scale = 1};
    rk_convert_options options = {.dtype = RK_DTYPE_F16, .adapters = &one, .n_adapters = 1};
    test_convert(model, alone, &options);
    cr_assert_eq(rk_pool_new(&options.pool, &(rk_pool_options){.n_threads = 4}, NULL), RK_OK);
    test_convert(model, plenty, &options);
    rk_pool_free(&options.pool);
    cr_expect(test_same_bytes(alone, plenty));
}
