// Merging adapters: the values that come out, against the same sums in double precision.
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "support/small_model.h"
#include "rk/checkpoint.h"
#include "rk/convert.h"

TestSuite(adapter, .fini = test_scratch_remove);

static const char demo[] = RK_MODELS "/demo/demo-rwkv4.pth";
static const char demo_lora[] = RK_MODELS "/demo/demo-lora.pth";

static const test_small_model tiny = {
    .n_vocab = 96, .n_embd = 64, .n_layer = 2, .n_ffn = 128, .seed = 3};

static void convert(const char *input, const char *output, const rk_convert_options *options) {
    rk_error err = {0};
    cr_assert_eq(rk_convert(input, output, options, NULL, &err), RK_OK, "%s", err.message);
}

static float *read_floats(rk_checkpoint *file, size_t index) {
    const rk_shape *shape = &rk_checkpoint_tensor(file, index)->shape;
    size_t rows, columns;
    cr_assert(rk_shape_matrix(&rows, &columns, shape));
    float *values = malloc(rows * columns * sizeof *values);
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_read_floats(file, index, 0, rows, values, &err), RK_OK, "%s",
                 err.message);
    return values;
}

// What merging the demo adapter into one tensor should give, in double precision, and how far
// float32 arithmetic may be from it before the last rounding.
typedef struct expectation {
    double *values, *slack;
    size_t rank;
    bool replaced;
} expectation;

static void add_product(expectation *e, rk_checkpoint *lora, size_t a, size_t b, double alpha,
                        size_t n_values) {
    const size_t rank = rk_checkpoint_tensor(lora, a)->shape.dims[0];
    const size_t columns = rk_checkpoint_tensor(lora, a)->shape.dims[1];
    float *A = read_floats(lora, a);
    float *B = read_floats(lora, b);
    for (size_t i = 0; i < n_values; i++) {
        const size_t row = i / columns;
        const size_t column = i % columns;
        double sum = 0;
        double magnitude = 0;
        for (size_t k = 0; k < rank; k++) {
            const double term = (double)B[row * rank + k] * (double)A[k * columns + column];
            sum += term;
            magnitude += fabs(term);
        }
        const double scale = alpha / (double)rank;
        e->values[i] += scale * sum;
        e->slack[i] += fabs(scale) * magnitude * (double)(rank + 2) * 0x1p-24;
    }
    e->rank = rank;
    free(A);
    free(B);
}

static expectation expect_merged(const test_record *base, rk_checkpoint *lora, double alpha) {
    expectation e = {.values = calloc(base->n_values, sizeof(double)),
                     .slack = calloc(base->n_values, sizeof(double))};
    size_t index, a, b;
    e.replaced = rk_checkpoint_find(lora, base->name, &index);
    float *replacement = e.replaced ? read_floats(lora, index) : NULL;
    const bool decay = strstr(base->name, "time_decay") != NULL;
    for (size_t i = 0; i < base->n_values; i++) {
        e.values[i] = replacement == NULL ? test_record_value(base, i)
                      : decay             ? -exp((double)replacement[i])
                                          : (double)replacement[i];
        e.slack[i] = decay ? fabs(e.values[i]) * 0x1p-24 : 0;
    }
    free(replacement);
    char name_a[128], name_b[128];
    const int stem = (int)strlen(base->name) - (int)strlen(".weight");
    (void)snprintf(name_a, sizeof name_a, "%.*s.lora_A", stem, base->name);
    (void)snprintf(name_b, sizeof name_b, "%.*s.lora_B", stem, base->name);
    if (rk_checkpoint_find(lora, name_a, &a)) {
        cr_assert(rk_checkpoint_find(lora, name_b, &b));
        add_product(&e, lora, a, b, alpha, base->n_values);
    }
    return e;
}

// Half a unit in the last place of a record's type.
static double half_unit(const test_record *record, double value) {
    int exponent;
    (void)frexp(value, &exponent);
    return record->type == 1 ? fmax(ldexp(1, exponent - 12), 0x1p-25) : ldexp(1, exponent - 25);
}

// What a job told about one tensor; name and parts do not outlive the call.
typedef struct told_tensor {
    rk_convert_tensor tensor;
    size_t rank; // of all products
    bool replaced;
} told_tensor;

typedef struct merged {
    told_tensor tensors[128];
    size_t count;
} merged;

static void note(void *user, const rk_convert_tensor *tensor) {
    merged *m = user;
    cr_assert_lt(m->count, 128);
    told_tensor *told = &m->tensors[m->count++];
    told->tensor = *tensor;
    for (size_t i = 0; i < tensor->n_parts; i++) {
        const rk_merge_part *part = &tensor->parts[i];
        told->rank += part->kind == RK_MERGE_LORA ? part->rank : 0;
        told->replaced |= part->kind == RK_MERGE_REPLACEMENT;
    }
}

// Every value of a record within one rounding of what it should be, and the report true to it.
static void expect_record(const test_record *r, const test_record *base, const expectation *e,
                          const told_tensor *told) {
    double squares = 0, before = 0;
    for (size_t k = 0; k < r->n_values; k++) {
        const double got = test_record_value(r, k);
        const double limit = 1.0001 * half_unit(r, e->values[k]) + e->slack[k];
        cr_assert(fabs(got - e->values[k]) <= limit, "%s[%zu] is %.9g, expected %.9g", r->name, k,
                  got, e->values[k]);
        const double change = e->values[k] - test_record_value(base, k);
        squares += change * change;
        before += test_record_value(base, k) * test_record_value(base, k);
    }
    cr_expect_eq(told->rank, e->rank, "%s", r->name);
    cr_expect_eq(told->replaced, e->replaced, "%s", r->name);
    const double change = sqrt(squares / (double)r->n_values);
    cr_expect_float_eq(told->tensor.rms_change, change, 1e-5 * change + 1e-12, "%s: %g", r->name,
                       told->tensor.rms_change);
    const double rms = sqrt(before / (double)r->n_values);
    const double expected = change > 0 ? rms : 0; // told of what is merged alone
    cr_expect_float_eq(told->tensor.rms_base, expected, 1e-5 * rms, "%s: %g", r->name,
                       told->tensor.rms_base);
}

static void merge_demo(const char *output, rk_dtype dtype, size_t n_threads, merged *seen) {
    const rk_adapter adapter = {.path = demo_lora, .alpha = 16, .scale = 1};
    rk_convert_options options = {
        .dtype = dtype, .adapters = &adapter, .n_adapters = 1, .report = note, .report_user = seen};
    cr_assert_eq(rk_pool_new(&options.pool, &(rk_pool_options){.n_threads = n_threads}, NULL),
                 RK_OK);
    convert(demo, output, &options);
    rk_pool_free(&options.pool);
}

static void expect_demo_merged(rk_dtype dtype, size_t n_threads) {
    const char *path_base = test_scratch_path("base.bin");
    const char *output = test_scratch_path("merged.bin");
    merged seen = {0};
    convert(demo, path_base, &(rk_convert_options){.dtype = RK_DTYPE_F32});
    merge_demo(output, dtype, n_threads, &seen);
    test_model_file base, file;
    rk_checkpoint *lora = NULL;
    cr_assert(test_model_file_read(&base, path_base));
    cr_assert(test_model_file_read(&file, output));
    cr_assert_eq(rk_checkpoint_open(&lora, demo_lora, NULL), RK_OK);
    cr_assert_eq(seen.count, file.n_records);

    size_t n_products = 0, n_replaced = 0;
    for (size_t i = 0; i < file.n_records; i++) {
        expectation e = expect_merged(&base.records[i], lora, 16);
        expect_record(&file.records[i], &base.records[i], &e, &seen.tensors[i]);
        n_products += e.rank == 8;
        n_replaced += e.replaced;
        free(e.values);
        free(e.slack);
    }
    // Six matrices a layer; 4 layer norms and 7 time_* vectors a layer, and ln0.
    cr_expect_eq(n_products, 5 * 6);
    cr_expect_eq(n_replaced, 5 * 11 + 2);
    rk_checkpoint_close(&lora);
    test_model_file_free(&base);
    test_model_file_free(&file);
}

Test(adapter, demo_merges_into_fp32) {
    expect_demo_merged(RK_DTYPE_F32, 1);
}

Test(adapter, demo_merges_into_fp16_with_threads) {
    expect_demo_merged(RK_DTYPE_F16, 3);
}

// A pair for one matrix of the tiny model, [64, 64].
enum { RANK = 3 };
typedef struct pair {
    float a[RANK * 64], b[64 * RANK];
} pair;

static pair random_pair(unsigned seed) {
    pair p;
    test_fill(p.a, RANK * 64, 0.3F, seed);
    test_fill(p.b, 64 * RANK, 0.3F, seed + 1);
    return p;
}

static void write_pair(const char *path, const pair *p, const char *stem) {
    char name_a[96], name_b[96];
    (void)snprintf(name_a, sizeof name_a, "%s.lora_A", stem);
    (void)snprintf(name_b, sizeof name_b, "%s.lora_B", stem);
    const test_pth_tensor tensors[] = {
        {name_a, "FloatStorage", 2, {RANK, 64}, NULL, p->a, RANK * 64},
        {name_b, "FloatStorage", 2, {64, RANK}, NULL, p->b, 64 * RANK},
    };
    cr_assert(test_pth_write(path, tensors, 2));
}

static double product(const pair *p, size_t i) {
    double sum = 0;
    for (size_t k = 0; k < RANK; k++) {
        sum += (double)p->b[i / 64 * RANK + k] * (double)p->a[k * 64 + i % 64];
    }
    return sum;
}

// The first adapter replaces the matrix and adds to it, the second adds to that. Its keys are
// spelled with and without ".weight".
Test(adapter, several_are_merged_in_their_order) {
    const char *model = test_scratch_path("model.pth");
    const char *first = test_scratch_path("first.pth");
    const char *second = test_scratch_path("second.pth");
    const char *output = test_scratch_path("out.bin");
    cr_assert(test_small_model_write(model, &tiny));
    static const char target[] = "blocks.1.att.output.weight";
    const pair p = random_pair(1);
    const pair q = random_pair(3);
    float whole[64 * 64];
    test_fill(whole, 64 * 64, 1, 5);
    const test_pth_tensor tensors[] = {
        {"blocks.1.att.output.lora_B", "FloatStorage", 2, {64, RANK}, NULL, p.b, 64 * RANK},
        {target, "FloatStorage", 2, {64, 64}, NULL, whole, 64 * 64},
        {"blocks.1.att.output.lora_A", "FloatStorage", 2, {RANK, 64}, NULL, p.a, RANK * 64},
    };
    cr_assert(test_pth_write(first, tensors, 3));
    write_pair(second, &q, target);

    const rk_adapter adapters[] = {{first, 6, 1, NULL}, {second, -1.5, 1, NULL}};
    merged seen = {0};
    convert(model, output,
            &(rk_convert_options){.dtype = RK_DTYPE_F32,
                                  .adapters = adapters,
                                  .n_adapters = 2,
                                  .report = note,
                                  .report_user = &seen});
    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    const test_record *r = test_model_file_find(&file, target);
    for (size_t i = 0; i < r->n_values; i++) {
        const double want = (double)whole[i] + 2.0 * product(&p, i) - 0.5 * product(&q, i);
        cr_assert_float_eq(test_record_value(r, i), want, 3e-7, "value %zu", i);
    }
    const told_tensor *told = &seen.tensors[r - file.records];
    cr_expect_eq(told->rank, 2 * RANK);
    cr_expect(told->replaced);
    cr_expect_eq(told->tensor.n_parts, 3);
    test_model_file_free(&file);

    // The other way round the replacement has the last word before the first one's own product.
    const rk_adapter swapped[] = {adapters[1], adapters[0]};
    convert(model, output,
            &(rk_convert_options){.dtype = RK_DTYPE_F32, .adapters = swapped, .n_adapters = 2});
    cr_assert(test_model_file_read(&file, output));
    r = test_model_file_find(&file, target);
    for (size_t i = 0; i < r->n_values; i++) {
        const double want = (double)whole[i] + 2.0 * product(&p, i);
        cr_assert_float_eq(test_record_value(r, i), want, 3e-7, "value %zu", i);
    }
    test_model_file_free(&file);
}

// Model files hold converted values, adapters those of checkpoints: decays are converted when they
// are replaced, and only then.
Test(adapter, model_files_merge_like_checkpoints) {
    const char *model_file = test_scratch_path("model.bin");
    const char *a = test_scratch_path("a.bin");
    const char *b = test_scratch_path("b.bin");
    const rk_adapter adapter = {.path = demo_lora, .alpha = 16, .scale = 1};
    const rk_convert_options merge = {.dtype = RK_DTYPE_F32, .adapters = &adapter, .n_adapters = 1};
    convert(demo, model_file, &(rk_convert_options){.dtype = RK_DTYPE_F32});
    convert(model_file, a, &merge);
    convert(demo, b, &merge);
    cr_expect(test_same_bytes(a, b));
    cr_expect_not(test_same_bytes(a, model_file));
}

// Merging into a quantized base rounds its values a second time.
Test(adapter, quantized_bases_need_permission) {
    const char *model = test_scratch_path("model.pth");
    const char *base = test_scratch_path("base.bin");
    const char *lora = test_scratch_path("lora.pth");
    const char *output = test_scratch_path("out.bin");
    cr_assert(test_small_model_write(model, &tiny));
    const pair p = random_pair(1);
    write_pair(lora, &p, "blocks.1.att.value");
    convert(model, base, &(rk_convert_options){.dtype = RK_DTYPE_Q8_0});
    const rk_adapter adapter = {.path = lora, .alpha = 1, .scale = 1};
    rk_convert_options options = {.keep_dtype = true, .adapters = &adapter, .n_adapters = 1};
    rk_error err;
    cr_expect_eq(rk_convert(base, output, &options, NULL, &err), RK_ERR_UNSUPPORTED);
    cr_expect(strstr(err.message, "blocks.1.att.value.weight") != NULL, "%s", err.message);
    options.allow_requantize = true;
    convert(base, output, &options);
    test_model_file before, after;
    cr_assert(test_model_file_read(&before, base));
    cr_assert(test_model_file_read(&after, output));
    for (size_t i = 0; i < before.n_records; i++) {
        const test_record *x = &before.records[i];
        const test_record *y = &after.records[i];
        cr_expect_eq(x->type, y->type, "%s", x->name);
        const bool same = memcmp(x->data, y->data, x->size) == 0;
        cr_expect_eq(same, strcmp(x->name, "blocks.1.att.value.weight") != 0, "%s", x->name);
    }
    test_model_file_free(&before);
    test_model_file_free(&after);
}

// A model whose tensor of 30000 rows is converted in several slabs, and a pair of rank 2 for it.
enum { TALL_ROWS = 30000, TALL_COLUMNS = 32, TALL_RANK = 2 };
static const char tall_name[] = "blocks.0.ffn.key.weight";

typedef struct tall {
    test_small_tensors model;
    float a[TALL_RANK * TALL_COLUMNS], b[TALL_ROWS * TALL_RANK];
} tall;

static tall tall_test;

static void write_tall(tall *t, const char *model, const char *lora) {
    const test_small_model sizes = {
        .n_vocab = 64, .n_embd = TALL_COLUMNS, .n_layer = 1, .n_ffn = TALL_ROWS, .seed = 9};
    t->model = test_small_model_new(&sizes);
    cr_assert(test_pth_write(model, t->model.tensors, t->model.count));
    test_fill(t->a, TALL_RANK * TALL_COLUMNS, 0.5F, 1);
    test_fill(t->b, TALL_ROWS * TALL_RANK, 0.5F, 2);
    const test_pth_tensor pair_tensors[] = {
        {"blocks.0.ffn.key.lora_A",
         "FloatStorage",
         2,
         {TALL_RANK, TALL_COLUMNS},
         NULL,
         t->a,
         TALL_RANK * TALL_COLUMNS},
        {"blocks.0.ffn.key.lora_B",
         "FloatStorage",
         2,
         {TALL_ROWS, TALL_RANK},
         NULL,
         t->b,
         TALL_ROWS * TALL_RANK},
    };
    cr_assert(test_pth_write(lora, pair_tensors, 2));
}

static double tall_product(const tall *t, size_t i) {
    const float *row = t->b + i / TALL_COLUMNS * TALL_RANK;
    const float *column = t->a + i % TALL_COLUMNS;
    return (double)row[0] * (double)column[0] + (double)row[1] * (double)column[TALL_COLUMNS];
}

// Rows of B are those of W in every slab, and sums go over all slabs, for any number of threads.
Test(adapter, large_tensors_are_merged_in_slabs) {
    tall *t = &tall_test;
    const char *model = test_scratch_path("model.pth");
    const char *lora = test_scratch_path("lora.pth");
    write_tall(t, model, lora);
    const rk_adapter adapter = {.path = lora, .alpha = 3, .scale = 1};
    const char *alone = test_scratch_path("alone.bin");
    const char *together = test_scratch_path("together.bin");
    merged seen = {0};
    rk_convert_options options = {.dtype = RK_DTYPE_F32, .adapters = &adapter, .n_adapters = 1};
    convert(model, alone, &options);
    cr_assert_eq(rk_pool_new(&options.pool, &(rk_pool_options){.n_threads = 4}, NULL), RK_OK);
    options.report = note;
    options.report_user = &seen;
    convert(model, together, &options);
    rk_pool_free(&options.pool);
    cr_expect(test_same_bytes(alone, together));

    test_model_file file;
    cr_assert(test_model_file_read(&file, together));
    const test_record *r = test_model_file_find(&file, tall_name);
    const float *w = test_small_model_find(&t->model, tall_name);
    double values = 0, changes = 0;
    for (size_t i = 0; i < r->n_values; i++) {
        const double change = 1.5 * tall_product(t, i);
        const double want = (double)w[i] + change;
        cr_assert_float_eq(test_record_value(r, i), want, 2e-7, "value %zu", i);
        values += want * want;
        changes += change * change;
    }
    const told_tensor *all = &seen.tensors[r - file.records];
    const rk_convert_tensor *told = &all->tensor;
    cr_expect_float_eq(told->rms_value, sqrt(values / (double)r->n_values), 1e-6);
    cr_expect_float_eq(told->rms_change, sqrt(changes / (double)r->n_values), 1e-6);
    cr_expect_eq(told->rms_error, 0.0);
    cr_expect_eq(all->rank, 2);
    test_model_file_free(&file);
    test_small_model_free(&t->model);
}
