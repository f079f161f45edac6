// The reference policy makes the files that rwkv.cpp would make, to the byte: of every record of an
// FP16 or FP32 model file, the rule of docs/formats.md section 1.5 on its name and dimensions says
// whether it is quantized, and the encoders that are checked against that program's blocks say what
// its bytes are.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../arch/made_up_model.h"
#include "rk/convert.h"
#include "rwkv.h"
#include "support/model_file_fields.h"
#include "support/scratch.h"
#include "tensor/convert_row.h"

TestSuite(reference_policy, .fini = test_scratch_remove);

static rk_error err;

// By name and dimensions alone, as that program has it.
static bool is_quantized_there(const test_record *record) {
    static const char *const not_these[] = {"att.v1", "att.v2", "att.g1", "att.g2", "att.a1",
                                            "att.a2", "att.w1", "att.w2", "att.r_k"};
    if (record->dim_count != 2) return false;
    if (strcmp(record->name, "emb.weight") == 0 || strcmp(record->name, "head.weight") == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof not_these / sizeof not_these[0]; i++) {
        if (strstr(record->name, not_these[i]) != NULL) return false;
    }
    return true;
}

static size_t append(uint8_t *out, size_t at, const void *bytes, size_t size) {
    memcpy(out + at, bytes, size);
    return at + size;
}

// One record as it is to be in the output; returns the place behind it.
static size_t append_record(uint8_t *out, size_t at, const test_record *r, rk_dtype dtype,
                            int32_t id) {
    const bool quantized = is_quantized_there(r);
    const int32_t head[3] = {r->dim_count, (int32_t)strlen(r->name), quantized ? id : r->type};
    at = append(out, at, head, sizeof head);
    at = append(out, at, r->shape, (size_t)r->dim_count * sizeof r->shape[0]);
    at = append(out, at, r->name, strlen(r->name));
    if (!quantized) return append(out, at, r->data, r->size);
    size_t bytes;
    cr_assert(rk_dtype_row_bytes(&bytes, dtype, r->n_values));
    float *values = malloc(r->n_values * sizeof values[0]);
    for (size_t i = 0; i < r->n_values; i++) values[i] = (float)test_record_value(r, i);
    rk__row_encoder_of(dtype)(out + at, values, r->n_values);
    free(values);
    return at + bytes;
}

static void expect_file(const char *path, const test_model_file *source, rk_dtype dtype,
                        int32_t id) {
    uint8_t *expected = calloc(source->size, 2);
    const uint32_t version = 101;
    size_t size = append(expected, 0, source->bytes, 24); // the header, with two fields of its own
    memcpy(expected + 4, &version, sizeof version);
    memcpy(expected + 20, &id, sizeof id);
    for (size_t i = 0; i < source->n_records; i++) {
        size = append_record(expected, size, &source->records[i], dtype, id);
    }
    size_t found_size;
    unsigned char *found = test_read_file(path, &found_size);
    cr_assert_not_null(found);
    cr_expect_eq(found_size, size, "%s: %zu, not %zu bytes", rk_dtype_describe(dtype)->name,
                 found_size, size);
    size_t at = 0;
    while (at < size && at < found_size && found[at] == expected[at]) at++;
    cr_expect(at == size, "%s: byte %zu of %zu", rk_dtype_describe(dtype)->name, at, size);
    free(found);
    free(expected);
}

// A checkpoint of random values with rows that all are whole blocks, which those of tests/data are
// not in every version.
static const char *make_checkpoint(const rk__arch *arch) {
    static const test_sizes sizes = {2,
                                     {['V'] = 64,
                                      ['C'] = 64,
                                      ['F'] = 96,
                                      ['H'] = 2,
                                      ['N'] = 32,
                                      ['M'] = 32,
                                      ['J'] = 160,
                                      ['W'] = 32,
                                      ['A'] = 32,
                                      ['U'] = 32,
                                      ['G'] = 64}};
    const char *path = test_scratch_path("model.pth");
    cr_assert(test_made_up_write(path, arch, &sizes));
    return path;
}

static const struct {
    rk_dtype dtype;
    int32_t id;
} formats[] = {{RK_DTYPE_Q4_0, 2},
               {RK_DTYPE_Q4_1, 3},
               {RK_DTYPE_Q5_0, 7},
               {RK_DTYPE_Q5_1, 8},
               {RK_DTYPE_Q8_0, 9}};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static void check_model(const char *checkpoint, rk_dtype of_source) {
    const char *source = test_scratch_path("source.bin"), *output = test_scratch_path("out.bin");
    const rk_convert_options floats = {.dtype = of_source};
    cr_assert_eq(rk_convert(checkpoint, source, &floats, NULL, &err), RK_OK, "%s", err.message);
    test_model_file file;
    cr_assert(test_model_file_read(&file, source));
    size_t n_quantized = 0;
    for (size_t i = 0; i < file.n_records; i++) n_quantized += is_quantized_there(&file.records[i]);
    cr_assert_gt(n_quantized, 0u);
    for (size_t i = 0; i < N_FORMATS; i++) {
        const rk_convert_options options = {
            .dtype = formats[i].dtype, .method = RK_METHOD_ROUND, .mix = RK_MIX_REFERENCE};
        cr_assert_eq(rk_convert(source, output, &options, NULL, &err), RK_OK, "%s", err.message);
        expect_file(output, &file, formats[i].dtype, formats[i].id);
    }
    test_model_file_free(&file);
}

Test(reference_policy, gives_the_bytes_of_rwkv_cpp) {
    const rk__arch *const versions[] = {&rk__arch_rwkv4, &rk__arch_rwkv5, &rk__arch_rwkv6,
                                        &rk__arch_rwkv7};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        const char *checkpoint = make_checkpoint(versions[i]);
        check_model(checkpoint, RK_DTYPE_F16);
        check_model(checkpoint, RK_DTYPE_F32);
    }
    check_model(RK_MODELS "/demo/demo-rwkv4.pth", RK_DTYPE_F16);
    check_model(RK_MODELS "/demo/demo-rwkv7.pth", RK_DTYPE_F16);
}

// rwkv.h promises what that library does.
Test(reference_policy, is_what_the_compatible_interface_uses) {
    const char *source = test_scratch_path("source.bin"), *output = test_scratch_path("out.bin");
    const rk_convert_options floats = {.dtype = RK_DTYPE_F16};
    cr_assert_eq(rk_convert(RK_MODELS "/demo/demo-rwkv7.pth", source, &floats, NULL, &err), RK_OK);
    test_model_file file;
    cr_assert(test_model_file_read(&file, source));
    cr_assert(rwkv_quantize_model_file(source, output, "Q5_1"));
    expect_file(output, &file, RK_DTYPE_Q5_1, 8);
    test_model_file_free(&file);
}
