// Model files: written field by field, read back, and refused when a field is wrong.
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/model_file.h"
#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/scratch.h"

TestSuite(model_file, .fini = test_scratch_remove);

static char message[512];

static void put_header(sample_bytes *file, uint32_t version, int32_t n_vocab, int32_t n_embd,
                       int32_t n_layer, int32_t type) {
    sample_put_text(file, "fmgg");
    sample_put_le(file, version, 4);
    sample_put_le(file, (uint64_t)n_vocab, 4);
    sample_put_le(file, (uint64_t)n_embd, 4);
    sample_put_le(file, (uint64_t)n_layer, 4);
    sample_put_le(file, (uint64_t)type, 4);
}

// Sizes in the file's order.
static void put_record(sample_bytes *file, const char *name, int32_t type, const int32_t *sizes,
                       size_t n_dims, size_t n_data) {
    sample_put_le(file, n_dims, 4);
    sample_put_le(file, strlen(name), 4);
    sample_put_le(file, (uint64_t)type, 4);
    for (size_t i = 0; i < n_dims; i++) sample_put_le(file, (uint64_t)sizes[i], 4);
    sample_put_text(file, name);
    for (size_t i = 0; i < n_data; i++) sample_put_le(file, i, 1);
}

static void assert_refused(const sample_bytes *file, const char *words) {
    const char *path = sample_file(file);
    cr_assert_neq(sample_read_all(path, message), RK_OK, "accepted, not '%s'", words);
    cr_assert_eq(strncmp(message, path, strlen(path)), 0, "%s", message);
    cr_assert_not_null(strstr(message, words), "'%s' lacks '%s'", message, words);
}

// ---- writing

static const float plain[6] = {1, 2, 3, 4, 5, 6};

// The bytes of a file of three tensors as docs/formats.md has them.
static sample_bytes expected_file(const uint8_t *blocks, size_t n_blocks) {
    sample_bytes file = {0};
    put_header(&file, 101, 7, 64, 2, 2);
    put_record(&file, "plain", 0, (const int32_t[]){3, 2}, 2, 0);
    sample_put(&file, plain, sizeof plain);
    put_record(&file, "v\xc3\xa9", 0, (const int32_t[]){6}, 1, 0);
    sample_put(&file, plain, sizeof plain);
    put_record(&file, "blocks", 2, (const int32_t[]){64, 1, 2}, 3, 0);
    sample_put(&file, blocks, n_blocks);
    return file;
}

static void write_tensor(rk__output *output, const char *name, rk_dtype dtype, rk_shape shape,
                         const void *data) {
    const rk_tensor_info info = {.name = name, .dtype = dtype, .shape = shape};
    size_t bytes;
    cr_assert(rk_tensor_bytes(&bytes, &info));
    cr_assert_eq(rk__model_file_begin_tensor(output, &info, 101, NULL), RK_OK);
    cr_assert_eq(rk__output_write(output, data, bytes, NULL), RK_OK);
}

Test(model_file, written_bytes) {
    uint8_t blocks[72];
    for (size_t i = 0; i < sizeof blocks; i++) blocks[i] = (uint8_t)(i * 3);
    const char *path = test_scratch_path("written.bin");
    rk__output *output;
    const rk__model_file_header header = {
        .version = 101, .n_vocab = 7, .n_embd = 64, .n_layer = 2, .dtype = RK_DTYPE_Q4_0};
    cr_assert_eq(rk__output_open(&output, path, NULL), RK_OK);
    cr_assert_eq(rk__model_file_begin(output, &header, NULL), RK_OK);
    write_tensor(output, "plain", RK_DTYPE_F32, (rk_shape){2, {2, 3}}, plain);
    write_tensor(output, "v\xc3\xa9", RK_DTYPE_F32, (rk_shape){1, {6}}, plain);
    write_tensor(output, "blocks", RK_DTYPE_Q4_0, (rk_shape){3, {2, 1, 64}}, blocks);
    cr_assert_eq(rk__output_commit(&output, false, NULL), RK_OK);

    sample_bytes wanted = expected_file(blocks, sizeof blocks);
    size_t size;
    unsigned char *written = test_read_file(path, &size);
    cr_assert_eq(size, wanted.size);
    cr_assert_arr_eq(written, wanted.data, size);
    free(written);

    rk_checkpoint *file;
    cr_assert_eq(rk_checkpoint_open(&file, path, NULL), RK_OK);
    cr_assert_eq(rk_checkpoint_container(file), RK_CONTAINER_MODEL_V101);
    cr_assert_eq(rk_checkpoint_count(file), 3);
    const rk_tensor_info *info = rk_checkpoint_tensor(file, 2);
    cr_assert_str_eq(info->name, "blocks");
    cr_assert_eq(info->dtype, RK_DTYPE_Q4_0);
    cr_assert_eq(info->shape.n_dims, 3);
    cr_assert_eq(info->shape.dims[0], 2);
    cr_assert_eq(info->shape.dims[2], 64);
    cr_assert_eq(rk_checkpoint_tensor_bytes(file, 2), sizeof blocks);
    uint8_t row[36];
    cr_assert_eq(rk_checkpoint_read_raw(file, 2, 1, 1, row, sizeof row, NULL), RK_OK);
    cr_assert_arr_eq(row, (blocks + 36), sizeof row);
    rk_checkpoint_close(&file);
    sample_free(&wanted);
}

static void assert_not_written(rk_dtype dtype, rk_shape shape) {
    rk__output *output;
    rk_error err;
    cr_assert_eq(rk__output_open(&output, test_scratch_path("no.bin"), NULL), RK_OK);
    const rk_tensor_info info = {.name = "x", .dtype = dtype, .shape = shape};
    cr_assert_eq(rk__model_file_begin_tensor(output, &info, 101, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "tensor 'x'"), "%s", err.message);
    cr_assert_eq(rk__output_size(output), 0);
    rk__output_abort(&output);
}

Test(model_file, what_cannot_be_written) {
    assert_not_written(RK_DTYPE_BF16, (rk_shape){1, {6}});
    assert_not_written(RK_DTYPE_Q4_0_V100, (rk_shape){1, {32}});
    assert_not_written(RK_DTYPE_F32, (rk_shape){0, {0}});
    assert_not_written(RK_DTYPE_F32, (rk_shape){4, {1, 1, 1, 1}});
    assert_not_written(RK_DTYPE_F32, (rk_shape){2, {0, 3}});
    assert_not_written(RK_DTYPE_F32, (rk_shape){2, {1, (size_t)1 << 31}});
    assert_not_written(RK_DTYPE_Q4_0, (rk_shape){2, {2, 48}});

    rk__output *output;
    rk_error err;
    cr_assert_eq(rk__output_open(&output, test_scratch_path("no.bin"), NULL), RK_OK);
    rk__model_file_header header = {101, 7, 64, 2, RK_DTYPE_BF16};
    cr_assert_eq(rk__model_file_begin(output, &header, &err), RK_ERR_ARGUMENT);
    header = (rk__model_file_header){101, 7, 0, 2, RK_DTYPE_F32};
    cr_assert_eq(rk__model_file_begin(output, &header, &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "n_embed 0"), "%s", err.message);
    rk__output_abort(&output);
}

// ---- types

Test(model_file, type_ids) {
    static const struct {
        int32_t id;
        uint32_t version;
        rk_dtype dtype;
    } ids[] = {
        {0, 100, RK_DTYPE_F32},       {0, 101, RK_DTYPE_F32},       {1, 100, RK_DTYPE_F16},
        {1, 101, RK_DTYPE_F16},       {2, 100, RK_DTYPE_Q4_0_V100}, {2, 101, RK_DTYPE_Q4_0},
        {3, 100, RK_DTYPE_Q4_1_V100}, {3, 101, RK_DTYPE_Q4_1},      {4, 100, RK_DTYPE_Q4_1_O_V100},
        {5, 100, RK_DTYPE_Q4_2_V100}, {6, 100, RK_DTYPE_Q4_3_V100}, {7, 100, RK_DTYPE_Q5_0_V100},
        {7, 101, RK_DTYPE_Q5_0},      {8, 100, RK_DTYPE_Q5_1_V100}, {8, 101, RK_DTYPE_Q5_1},
        {9, 100, RK_DTYPE_Q8_0_V100}, {9, 101, RK_DTYPE_Q8_0},
    };
    size_t n_known = 0;
    for (uint32_t version = 100; version <= 101; version++) {
        for (int32_t id = -1; id < 20; id++) {
            rk_dtype dtype;
            if (rk__model_file_dtype(&dtype, id, version)) {
                n_known++;
                cr_assert_eq(rk__model_file_type_id(dtype, version), id);
            }
        }
    }
    cr_assert_eq(n_known, sizeof ids / sizeof ids[0]);
    for (size_t i = 0; i < n_known; i++) {
        rk_dtype dtype;
        cr_assert(rk__model_file_dtype(&dtype, ids[i].id, ids[i].version));
        cr_assert_eq(dtype, ids[i].dtype, "%d in %u", ids[i].id, ids[i].version);
    }
    cr_assert_eq(rk__model_file_type_id(RK_DTYPE_BF16, 101), -1);
    cr_assert_eq(rk__model_file_type_id(RK_DTYPE_F32, 99), -1);
    cr_assert_str_eq(rk__model_file_type_name(14), "Q5_K");
    cr_assert_str_eq(rk__model_file_type_name(99), "unknown");
}

// ---- reading

Test(model_file, version_100) {
    sample_bytes file = {0};
    put_header(&file, 100, 3, 32, 1, 2);
    put_record(&file, "emb.weight", 1, (const int32_t[]){32, 3}, 2, 192);
    put_record(&file, "m", 2, (const int32_t[]){32, 2}, 2, 40);
    rk_checkpoint *checkpoint;
    cr_assert_eq(rk_checkpoint_open(&checkpoint, sample_file(&file), NULL), RK_OK);
    cr_assert_eq(rk_checkpoint_container(checkpoint), RK_CONTAINER_MODEL_V100);
    cr_assert_eq(rk_checkpoint_tensor(checkpoint, 0)->shape.dims[0], 3);
    cr_assert_eq(rk_checkpoint_tensor(checkpoint, 1)->dtype, RK_DTYPE_Q4_0_V100);
    cr_assert_eq(rk_checkpoint_tensor_bytes(checkpoint, 1), 40);
    rk_checkpoint_close(&checkpoint);
    sample_free(&file);
}

// The first files had their sizes in the other order and the same version.
Test(model_file, sizes_in_the_first_order) {
    sample_bytes file = {0};
    put_header(&file, 100, 3, 32, 1, 0);
    put_record(&file, "emb.weight", 0, (const int32_t[]){3, 32}, 2, 384);
    put_record(&file, "m", 0, (const int32_t[]){5, 2}, 2, 40);
    rk_checkpoint *checkpoint;
    cr_assert_eq(rk_checkpoint_open(&checkpoint, sample_file(&file), NULL), RK_OK);
    cr_assert_eq(rk_checkpoint_tensor(checkpoint, 0)->shape.dims[0], 3);
    cr_assert_eq(rk_checkpoint_tensor(checkpoint, 0)->shape.dims[1], 32);
    cr_assert_eq(rk_checkpoint_tensor(checkpoint, 1)->shape.dims[0], 5);
    cr_assert_eq(rk_checkpoint_tensor(checkpoint, 1)->shape.dims[1], 2);
    rk_checkpoint_close(&checkpoint);
    sample_free(&file);
}

Test(model_file, wrong_headers) {
    static const struct {
        uint32_t version;
        int32_t n_vocab, n_embd, n_layer, type;
        const char *words;
    } headers[] = {
        {99, 7, 4, 1, 0, "version 99; versions 100 and 101"},
        {102, 7, 4, 1, 0, "version 102"},
        {101, 0, 4, 1, 0, "n_vocab 0"},
        {101, 7, -4, 1, 0, "n_embed 0"},
        {101, 7, 4, 0, 0, "n_layer 0"},
        {101, 7, 4, 100000, 0, "n_layer 100000"},
        {101, 7, 4, 1, 4, "type 4 (Q4_1_O)"},
        {101, 7, 4, 1, 13, "type 13 (Q4_K)"},
        {101, 7, 4, 1, -1, "type -1 (unknown)"},
        {101, 7, 4, 1, 0, "without a single tensor"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        sample_bytes file = {0};
        put_header(&file, headers[i].version, headers[i].n_vocab, headers[i].n_embd,
                   headers[i].n_layer, headers[i].type);
        assert_refused(&file, headers[i].words);
        sample_free(&file);
    }
    sample_bytes file = {0};
    sample_put_text(&file, "fmgg");
    assert_refused(&file, "4 bytes; its header alone has 24");
    sample_free(&file);
    sample_put_text(&file, "ggmf, but the wrong way round");
    assert_refused(&file, "no weights file");
    sample_free(&file);
}

Test(model_file, wrong_records) {
    static const struct {
        const char *name;
        int32_t type, sizes[4];
        size_t n_dims, n_data;
        const char *words;
    } records[] = {
        {"x", 0, {3}, 0, 0, "has 0 dimensions"},
        {"x", 0, {1, 1, 1, 1}, 4, 4, "has 4 dimensions (1 to 3"},
        {"", 0, {1}, 1, 4, "a name of 0 bytes"},
        {"x", 0, {0}, 1, 0, "'x' has a size of 0"},
        {"x", 0, {-3}, 1, 0, "'x' has a size of -3"},
        {"x", 10, {32}, 1, 36, "'x' has type 10 (Q8_1)"},
        {"x", 12, {256}, 1, 110, "(Q3_K)"},
        {"x", 0, {3}, 1, 11, "data needs 12 bytes, 11 are left"},
        {"x", 0, {INT32_MAX, INT32_MAX, INT32_MAX}, 3, 0, "more than 2^64 elements"},
        {"x", 2, {48, 2}, 2, 54, "multiples of 32"},
        {"x\xff", 0, {1}, 1, 4, "no UTF-8"},
    };
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        sample_bytes file = {0};
        put_header(&file, 101, 7, 4, 1, 0);
        put_record(&file, records[i].name, records[i].type, records[i].sizes, records[i].n_dims,
                   records[i].n_data);
        assert_refused(&file, records[i].words);
        sample_free(&file);
    }
}

Test(model_file, three_dimensions_need_version_101) {
    sample_bytes file = {0};
    put_header(&file, 100, 7, 4, 1, 0);
    put_record(&file, "x", 0, (const int32_t[]){1, 1, 1}, 3, 4);
    assert_refused(&file, "3 dimensions (1 to 2");
    sample_free(&file);
}

Test(model_file, same_name_twice) {
    sample_bytes file = {0};
    put_header(&file, 101, 7, 4, 1, 0);
    put_record(&file, "x", 0, (const int32_t[]){1}, 1, 4);
    put_record(&file, "x", 0, (const int32_t[]){1}, 1, 4);
    assert_refused(&file, "two tensors named 'x'");
    sample_free(&file);
}

// A cut file is refused, except where a record ends: there it is a file of fewer tensors.
Test(model_file, every_cut) {
    sample_bytes file = {0};
    put_header(&file, 101, 7, 4, 1, 0);
    put_record(&file, "first", 0, (const int32_t[]){2, 2}, 2, 16);
    const size_t end_of_first = file.size;
    put_record(&file, "second", 1, (const int32_t[]){5}, 1, 10);
    const size_t whole = file.size;
    for (file.size = 0; file.size < whole; file.size++) {
        const int status = sample_read_all(sample_file(&file), message);
        cr_assert_eq(status == RK_OK, file.size == end_of_first, "cut at %zu", file.size);
    }
    sample_free(&file);
}

Test(model_file, every_altered_byte) {
    sample_bytes file = {0};
    put_header(&file, 101, 7, 4, 1, 0);
    put_record(&file, "first", 0, (const int32_t[]){2, 2}, 2, 16);
    put_record(&file, "second", 3, (const int32_t[]){32}, 1, 20);
    for (size_t i = 0; i < file.size; i++) {
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
