// Converting and quantizing the demo checkpoint: the model file that comes out, field by field and
// value by value.
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "rk/checkpoint.h"
#include "rk/convert.h"
#include "tensor/convert_row.h"

TestSuite(convert, .fini = test_scratch_remove);

static const char demo[] = RK_MODELS "/demo/demo-rwkv4.pth";
enum { N_VOCAB = 256, N_EMBD = 192, N_LAYER = 5, N_FFN = 768 };

// A type of output, its id in the file, and what a row of `columns` values takes.
typedef struct format {
    rk_dtype dtype;
    int32_t id;
    size_t block_values, block_bytes;
} format;

static const format formats[] = {
    {RK_DTYPE_F32, 0, 1, 4},    {RK_DTYPE_F16, 1, 1, 2},    {RK_DTYPE_Q4_0, 2, 32, 18},
    {RK_DTYPE_Q4_1, 3, 32, 20}, {RK_DTYPE_Q5_0, 7, 32, 22}, {RK_DTYPE_Q5_1, 8, 32, 24},
    {RK_DTYPE_Q8_0, 9, 32, 34},
};

ParameterizedTestParameters(convert, demo_header_and_records) {
    return cr_make_param_array(format, (void *)formats, sizeof formats / sizeof formats[0]);
}

static void convert(const char *input, const char *output, const rk_convert_options *options,
                    rk_convert_result *result) {
    rk_error err = {0};
    const rk_status status = rk_convert(input, output, options, result, &err);
    cr_assert_eq(status, RK_OK, "%s", err.message);
}

// The demo checkpoint's values as float32, from its bfloat16 bits.
static float *checkpoint_values(rk_checkpoint *file, size_t index, size_t *n) {
    const rk_tensor_info *info = rk_checkpoint_tensor(file, index);
    rk_error err = {0};
    size_t rows, columns;
    cr_assert(rk_shape_matrix(&rows, &columns, &info->shape));
    cr_assert_eq(info->dtype, RK_DTYPE_BF16);
    *n = rows * columns;
    uint16_t *bits = malloc(*n * sizeof *bits);
    float *values = malloc(*n * sizeof *values);
    cr_assert(bits != NULL && values != NULL);
    cr_assert_eq(rk_checkpoint_read_raw(file, index, 0, rows, bits, *n * 2, &err), RK_OK, "%s",
                 err.message);
    for (size_t i = 0; i < *n; i++) {
        const uint32_t wide = (uint32_t)bits[i] << 16;
        memcpy(&values[i], &wide, sizeof wide);
    }
    free(bits);
    return values;
}

static bool is_vector(const char *name) {
    return strstr(name, "ln") != NULL || strstr(name, "time_") != NULL;
}

static bool stays_float(const char *name) {
    return strcmp(name, "emb.weight") == 0 || strcmp(name, "head.weight") == 0;
}

// Sizes in the file's order: fastest-running first.
static void expect_shape(const test_record *r) {
    const char *name = r->name;
    if (is_vector(name)) {
        cr_expect_eq(r->dim_count, 1, "%s", name);
        cr_expect_eq(r->shape[0], N_EMBD, "%s", name);
        return;
    }
    const bool from_ffn = strstr(name, "ffn.value") != NULL;
    const bool to_ffn = strstr(name, "ffn.key") != NULL;
    cr_expect_eq(r->dim_count, 2, "%s", name);
    cr_expect_eq(r->shape[0], from_ffn ? N_FFN : N_EMBD, "%s: %d columns", name, r->shape[0]);
    cr_expect_eq(r->shape[1],
                 stays_float(name) ? N_VOCAB
                 : to_ffn          ? N_FFN
                                   : N_EMBD,
                 "%s: %d rows", name, r->shape[1]);
}

ParameterizedTest(const format *f, convert, demo_header_and_records) {
    const char *output = test_scratch_path("model.bin");
    const rk_convert_options options = {
        .dtype = f->dtype, .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
    rk_convert_result result;
    convert(demo, output, &options, &result);

    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    cr_expect_eq(memcmp(file.bytes, "fmgg", 4), 0);
    cr_expect_eq(file.magic, 0x67676d66u);
    cr_expect_eq(file.version, 101);
    cr_expect_eq(file.n_vocab, N_VOCAB);
    cr_expect_eq(file.n_embed, N_EMBD);
    cr_expect_eq(file.n_layer, N_LAYER);
    cr_expect_eq(file.type, f->id);

    rk_checkpoint *source = NULL;
    cr_assert_eq(rk_checkpoint_open(&source, demo, NULL), RK_OK);
    cr_assert_eq(file.n_records, rk_checkpoint_count(source));
    size_t size = 24;
    uint64_t n_parameters = 0;
    for (size_t i = 0; i < file.n_records; i++) {
        const test_record *r = &file.records[i];
        cr_expect_str_eq(r->name, rk_checkpoint_tensor(source, i)->name);
        expect_shape(r);
        const bool block = f->block_values > 1;
        const int32_t type = is_vector(r->name) ? 0 : block && stays_float(r->name) ? 1 : f->id;
        cr_expect_eq(r->type, type, "%s is of type %d", r->name, r->type);
        const size_t data = type == 0   ? 4 * r->n_values
                            : type == 1 ? 2 * r->n_values
                                        : r->n_values / f->block_values * f->block_bytes;
        size += 12 + 4 * (size_t)r->dim_count + strlen(r->name) + data;
        n_parameters += r->n_values;
    }
    cr_expect_eq(file.size, size);
    cr_expect_eq(n_parameters, 2505792);

    cr_expect_eq(result.n_tensors, file.n_records);
    cr_expect_eq(result.n_parameters, n_parameters);
    cr_expect_eq(result.input_bytes, 2 * n_parameters);
    cr_expect_eq(result.output_bytes, size);
    cr_expect_float_eq(result.bits_per_weight, 8.0 * (double)size / (double)n_parameters, 1e-12);
    rk_checkpoint_close(&source);
    test_model_file_free(&file);
}

// The values that a record has to hold, before they are rounded to its type.
static double expected_value(const char *name, float raw) {
    return strstr(name, "time_decay") != NULL ? -exp((double)raw) : (double)raw;
}

static void expect_values(rk_dtype dtype) {
    const char *output = test_scratch_path("model.bin");
    const rk_convert_options options = {
        .dtype = dtype, .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
    convert(demo, output, &options, NULL);
    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    rk_checkpoint *source = NULL;
    cr_assert_eq(rk_checkpoint_open(&source, demo, NULL), RK_OK);
    for (size_t i = 0; i < file.n_records; i++) {
        const test_record *r = &file.records[i];
        size_t n;
        float *values = checkpoint_values(source, i, &n);
        cr_assert_eq(n, r->n_values);
        for (size_t k = 0; k < n; k++) {
            const double want = expected_value(r->name, values[k]);
            const double got = test_record_value(r, k);
            // Half a unit in the last place of FP16 (subnormals: 2^-25); float32 holds bfloat16
            // exactly, and exp() to within one unit.
            const double limit = r->type == 1 ? fmax(fabs(want) * 0x1p-11, 0x1p-25)
                                 : strstr(r->name, "time_decay") ? fabs(want) * 0x1p-23
                                                                 : 0.0;
            cr_assert(fabs(got - want) <= limit, "%s[%zu] is %.9g, expected %.9g", r->name, k, got,
                      want);
        }
        free(values);
    }
    rk_checkpoint_close(&source);
    test_model_file_free(&file);
}

Test(convert, fp32_holds_the_values_of_the_checkpoint) {
    expect_values(RK_DTYPE_F32);
}

Test(convert, fp16_holds_the_nearest_halves) {
    expect_values(RK_DTYPE_F16);
}

// Every quantized row of `file` must be what the scalar encoder makes of the row in `floats`, a
// model file of FP32 or FP16.
static void expect_encoded_rows(const test_model_file *file, const test_model_file *floats,
                                const format *f) {
    const rk__row_encoder encode = rk__row_encoder_of(f->dtype);
    cr_assert(encode != NULL);
    size_t n_matrices = 0;
    for (size_t i = 0; i < file->n_records; i++) {
        const test_record *r = &file->records[i];
        const test_record *source = &floats->records[i];
        if (r->type != f->id) {
            cr_expect_eq(r->size, source->size, "%s", r->name);
            cr_expect_eq(memcmp(r->data, source->data, r->size), 0, "%s", r->name);
            continue;
        }
        const size_t columns = (size_t)r->shape[0];
        const size_t row_bytes = columns / f->block_values * f->block_bytes;
        float row[N_FFN];
        uint8_t encoded[N_FFN * 2];
        cr_assert(columns <= N_FFN && row_bytes <= sizeof encoded);
        for (size_t k = 0; k < (size_t)r->shape[1]; k++) {
            for (size_t c = 0; c < columns; c++) {
                row[c] = (float)test_record_value(source, k * columns + c);
            }
            encode(encoded, row, columns);
            cr_assert_eq(memcmp(encoded, r->data + k * row_bytes, row_bytes), 0, "%s, row %zu",
                         r->name, k);
        }
        n_matrices++;
    }
    cr_expect_eq(n_matrices, 7 * N_LAYER);
}

ParameterizedTestParameters(convert, quantizing_a_model_file) {
    return cr_make_param_array(format, (void *)&formats[2], 5);
}

ParameterizedTest(const format *f, convert, quantizing_a_model_file) {
    const char *path_floats = test_scratch_path("fp16.bin");
    const char *output = test_scratch_path("quantized.bin");
    const rk_convert_options to_floats = {.dtype = RK_DTYPE_F16};
    const rk_convert_options to_blocks = {
        .dtype = f->dtype, .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
    convert(demo, path_floats, &to_floats, NULL);
    convert(path_floats, output, &to_blocks, NULL);
    test_model_file floats, file;
    cr_assert(test_model_file_read(&floats, path_floats));
    cr_assert(test_model_file_read(&file, output));
    expect_encoded_rows(&file, &floats, f);
    test_model_file_free(&floats);
    test_model_file_free(&file);
}

// From the checkpoint directly, without rounding to FP16 in between: embedding and head become
// FP16, the matrices are encoded from the checkpoint's own values.
Test(convert, quantizing_a_checkpoint_rounds_once) {
    const char *path_floats = test_scratch_path("fp32.bin");
    const char *output = test_scratch_path("quantized.bin");
    const rk_convert_options to_floats = {.dtype = RK_DTYPE_F32};
    const rk_convert_options to_blocks = {
        .dtype = RK_DTYPE_Q4_1, .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
    convert(demo, path_floats, &to_floats, NULL);
    convert(demo, output, &to_blocks, NULL);
    test_model_file floats, file;
    cr_assert(test_model_file_read(&floats, path_floats));
    cr_assert(test_model_file_read(&file, output));
    for (size_t i = 0; i < file.n_records; i++) {
        if (stays_float(file.records[i].name)) floats.records[i] = file.records[i];
    }
    expect_encoded_rows(&file, &floats, &formats[3]);
    test_model_file_free(&floats);
    test_model_file_free(&file);
}

// An FP32 model file keeps FP32 for what is never quantized.
Test(convert, embedding_and_head_keep_the_type_of_a_model_file) {
    const char *path_floats = test_scratch_path("fp32.bin");
    const char *output = test_scratch_path("quantized.bin");
    const rk_convert_options to_floats = {.dtype = RK_DTYPE_F32};
    const rk_convert_options to_blocks = {
        .dtype = RK_DTYPE_Q5_1, .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
    convert(demo, path_floats, &to_floats, NULL);
    convert(path_floats, output, &to_blocks, NULL);
    test_model_file file;
    cr_assert(test_model_file_read(&file, output));
    cr_expect_eq(test_model_file_find(&file, "emb.weight")->type, 0);
    cr_expect_eq(test_model_file_find(&file, "head.weight")->type, 0);
    cr_expect_eq(test_model_file_find(&file, "blocks.4.ffn.value.weight")->type, 8);
    test_model_file_free(&file);
}

// What the report says, beside what the file holds.
typedef struct reports {
    const test_model_file *file, *exact; // as written; as FP32
    rk_dtype dtype;
    size_t count;
} reports;

static void expect_report(void *user, const rk_convert_tensor *t) {
    reports *seen = user;
    const test_record *r = &seen->file->records[seen->count];
    const test_record *exact = &seen->exact->records[seen->count];
    seen->count++;
    cr_expect_str_eq(t->name, r->name);
    cr_expect_eq(t->from, RK_DTYPE_BF16);
    cr_expect_eq(t->to, r->type == 0 ? RK_DTYPE_F32 : r->type == 1 ? RK_DTYPE_F16 : seen->dtype);
    cr_expect_eq(t->bytes, r->size, "%s", t->name);
    cr_expect_eq(t->shape.n_dims, (size_t)r->dim_count);
    cr_expect_eq(t->shape.dims[0], (size_t)r->shape[r->dim_count - 1]);
    cr_expect_eq(t->n_parts, 0);
    cr_expect_eq(t->rms_change, 0.0);

    float *decoded = malloc(r->n_values * sizeof *decoded);
    rk__row_decoder_of(t->to)(decoded, r->data, r->n_values);
    double errors = 0, squares = 0;
    for (size_t i = 0; i < r->n_values; i++) {
        const double value = test_record_value(exact, i);
        errors += ((double)decoded[i] - value) * ((double)decoded[i] - value);
        squares += value * value;
    }
    free(decoded);
    const double n = (double)r->n_values;
    cr_expect_float_eq(t->rms_error, sqrt(errors / n), 1e-9 * sqrt(squares / n), "%s: %g", t->name,
                       t->rms_error);
    cr_expect_float_eq(t->rms_value, sqrt(squares / n), 1e-9 * sqrt(squares / n), "%s: %g", t->name,
                       t->rms_value);
}

static void expect_reports(rk_dtype dtype) {
    const char *path_exact = test_scratch_path("fp32.bin");
    const char *output = test_scratch_path("model.bin");
    rk_convert_options options = {.dtype = RK_DTYPE_F32};
    convert(demo, path_exact, &options, NULL);
    options.dtype = dtype;
    options.mix = RK_MIX_REFERENCE;
    convert(demo, output, &options, NULL);
    test_model_file file, exact;
    cr_assert(test_model_file_read(&file, output));
    cr_assert(test_model_file_read(&exact, path_exact));
    reports seen = {.file = &file, .exact = &exact, .dtype = dtype};
    options.report = expect_report;
    options.report_user = &seen;
    convert(demo, test_scratch_path("again.bin"), &options, NULL);
    cr_expect_eq(seen.count, file.n_records);
    cr_expect(test_same_bytes(output, test_scratch_path("again.bin")),
              "measuring changes what is written");
    test_model_file_free(&file);
    test_model_file_free(&exact);
}

Test(convert, reports_the_error_of_q4_0) {
    expect_reports(RK_DTYPE_Q4_0);
}

Test(convert, reports_the_error_of_fp16) {
    expect_reports(RK_DTYPE_F16);
}

Test(convert, reports_no_error_of_fp32) {
    expect_reports(RK_DTYPE_F32);
}
