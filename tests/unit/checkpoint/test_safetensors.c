// safetensors files: written and read back, and refused as the format's description demands.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/safetensors.h"
#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/scratch.h"

TestSuite(safetensors, .fini = test_scratch_remove);

static char message[512];

static sample_bytes file_of(const char *header, size_t n_data) {
    sample_bytes file = {0};
    sample_put_le(&file, strlen(header), 8);
    sample_put_text(&file, header);
    for (size_t i = 0; i < n_data; i++) sample_put_le(&file, i, 1);
    return file;
}

static void assert_loads(const char *header, size_t n_data, size_t n_tensors) {
    sample_bytes file = file_of(header, n_data);
    rk_checkpoint *checkpoint;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open(&checkpoint, sample_file(&file), &err), RK_OK, "%s",
                 err.message);
    cr_assert_eq(rk_checkpoint_container(checkpoint), RK_CONTAINER_SAFETENSORS);
    cr_assert_eq(rk_checkpoint_count(checkpoint), n_tensors);
    rk_checkpoint_close(&checkpoint);
    sample_free(&file);
}

static void assert_refused(const char *header, size_t n_data, const char *words) {
    sample_bytes file = file_of(header, n_data);
    const char *path = sample_file(&file);
    cr_assert_neq(sample_read_all(path, message), RK_OK, "accepted, not '%s'", words);
    cr_assert_eq(strncmp(message, path, strlen(path)), 0, "%s", message);
    cr_assert_not_null(strstr(message, words), "'%s' lacks '%s'", message, words);
    sample_free(&file);
}

#define X "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define Y "\"y\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[8,12]}"

Test(safetensors, good_files) {
    assert_loads("{" X "}", 8, 1);
    assert_loads("{" X "," Y "}", 12, 2);
    assert_loads("{" Y "," X "}   ", 12, 2); // any order, padded
    assert_loads("{\"__metadata__\":{\"format\":\"pt\"}," X "}", 8, 1);
    assert_loads("{\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1);
    assert_loads("{" X ",\"none\":{\"shape\":[0,3],\"dtype\":\"F32\",\"data_offsets\":[8,8]}}", 8,
                 2);
}

Test(safetensors, refusals) {
    assert_refused("{}", 0, "without a single tensor");
    assert_refused("{" X "}", 7, "0 to 8 of 7");
    assert_refused("{" X "}", 9, "the tensors end at byte 8 behind the header, the file at 9");
    assert_refused("{" X "," X "}", 8, "begins at byte 0 behind the header, and those before it");
    assert_refused("{" Y "}", 12, "begins at byte 8");
    assert_refused("{" X ",\"z\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[4,12]}}", 12,
                   "'z' begins at byte 4");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8,
                   "the 8 bytes");
    assert_refused("{\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8,
                   "type F8_E4M3");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", 8,
                   "no whole number");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
                   "no whole number");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,8]}}", 8,
                   "no whole number");
    assert_refused(
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
        "more than 8 dimensions");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
                   "\"data_offsets\":[0,8]}}",
                   8, "the 8 bytes");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "8 to 0");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8,
                   "no pair");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{\"a\":0,\"b\":8}}}",
                   8, "no pair");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "not described by");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2]}}", 8, "has no shape");
    assert_refused("{\"x\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "no dtype");
    assert_refused("{\"x\":[]}", 0, "not described by");
    assert_refused("{\"__metadata__\":{\"a\":1}," X "}", 8, "no dictionary of texts");
    assert_refused("{\"__metadata__\":{},\"__metadata__\":{}," X "}", 8, "twice");
    assert_refused("{\"a\\u0000\":{}}", 0, "holds a NUL");
    assert_refused("{\"\xff\":{}}", 0, "no UTF-8");
    assert_refused("{" X "} x", 8, "no JSON object");
    assert_refused("{" X, 8, "no JSON object");
    assert_refused("{\"x\":", 0, "no JSON object");
    assert_refused("{\"same\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"same\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                   0, "two tensors named 'same'");
}

Test(safetensors, wrong_lengths) {
    static const struct {
        uint64_t length;
        const char *words;
    } cases[] = {
        {1000, "a safetensors header of 1000 bytes in a file of"},
        {UINT32_MAX, "a safetensors header of 4294967295 bytes"},
        {UINT64_MAX, "no weights file"},
        {0, "no JSON object"},
        {1, "no JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample_bytes file = {0};
        sample_put_le(&file, cases[i].length, 8);
        sample_put_text(&file, "{" X "}");
        cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
        cr_assert_not_null(strstr(message, cases[i].words), "%s", message);
        sample_free(&file);
    }
}

// A header of nothing but small values is refused before they are in memory.
Test(safetensors, many_values) {
    const size_t n = 1000000;
    sample_bytes file = {0};
    sample_put_le(&file, 2 * n + 7, 8);
    sample_put_text(&file, "{\"x\":[0");
    for (size_t i = 1; i < n; i++) sample_put_text(&file, ",0");
    sample_put_text(&file, "]}");
    cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
    cr_assert_not_null(strstr(message, "300000 are read"), "%s", message);
    sample_free(&file);
}

Test(safetensors, deep_header) {
    sample_bytes file = {0};
    const size_t n = 100000;
    sample_put_le(&file, n + 5, 8);
    sample_put_text(&file, "{\"x\":");
    for (size_t i = 0; i < n; i++) sample_put_text(&file, "[");
    cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
    sample_free(&file);
}

Test(safetensors, every_cut_and_altered_byte) {
    sample_bytes file = file_of("{\"__metadata__\":{\"a\":\"b\"}," X "," Y "}", 12);
    const size_t whole = file.size;
    for (file.size = 0; file.size < whole; file.size++) {
        cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK, "cut at %zu", file.size);
    }
    for (size_t i = 0; i < whole; i++) {
        const uint8_t right = file.data[i];
        for (unsigned value = 3; value < 256; value += 31) {
            file.data[i] = (uint8_t)value;
            const int status = sample_read_all(sample_file(&file), message);
            cr_assert(status == RK_OK || message[0] != '\0');
        }
        file.data[i] = right;
    }
    sample_free(&file);
}

// ---- writing

Test(safetensors, written_bytes) {
    static const char wanted_header[] =
        "{\"__metadata__\":{\"made by\":\"a \\\"test\\\"\"},"
        "\"m\\\\\\u000a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"s\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]}}";
    const rk_tensor_info tensors[] = {
        {.name = "m\\\n", .dtype = RK_DTYPE_F32, .shape = {2, {2, 3}}},
        {.name = "s", .dtype = RK_DTYPE_BF16, .shape = {0}},
    };
    const rk__safetensors_note note = {"made by", "a \"test\""};
    const char *path = test_scratch_path("written.safetensors");
    rk__output *output;
    cr_assert_eq(rk__output_open(&output, path, NULL), RK_OK);
    cr_assert_eq(rk__safetensors_begin(output, tensors, 2, &note, 1, NULL), RK_OK);
    cr_assert_eq(rk__output_write(output, sample_floats, 24, NULL), RK_OK);
    cr_assert_eq(rk__output_write(output, "\x80\x3f", 2, NULL), RK_OK);
    cr_assert_eq(rk__output_commit(&output, false, NULL), RK_OK);

    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    const size_t n_header = bytes[0] + 256u * bytes[1];
    cr_assert_eq(n_header % 8, 0);
    cr_assert_eq(size, 8 + n_header + 26);
    cr_assert_arr_eq(bytes + 8, wanted_header, sizeof wanted_header - 1);
    for (size_t i = sizeof wanted_header - 1; i < n_header; i++) cr_assert_eq(bytes[8 + i], ' ');
    free(bytes);

    rk_checkpoint *file;
    rk_error err;
    float values[6];
    size_t index;
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK, "%s", err.message);
    cr_assert(rk_checkpoint_find(file, "m\\\n", &index));
    cr_assert_eq(rk_checkpoint_read_raw(file, index, 0, 2, values, 24, NULL), RK_OK);
    cr_assert_arr_eq(values, sample_floats, 24);
    cr_assert(rk_checkpoint_find(file, "s", &index));
    cr_assert_eq(rk_checkpoint_read_floats(file, index, 0, 1, values, NULL), RK_OK);
    cr_assert_eq(values[0], 1.0f);
    rk_checkpoint_close(&file);
}

Test(safetensors, what_cannot_be_written) {
    const rk_tensor_info blocks = {.name = "x", .dtype = RK_DTYPE_Q4_0, .shape = {1, {32}}};
    rk__output *output;
    rk_error err;
    cr_assert_eq(rk__output_open(&output, test_scratch_path("no"), NULL), RK_OK);
    cr_assert_eq(rk__safetensors_begin(output, &blocks, 1, NULL, 0, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "'x' Q4_0 [32]"), "%s", err.message);
    rk__output_abort(&output);
}
