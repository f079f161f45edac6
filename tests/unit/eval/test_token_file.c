// Files of token ids: what NumPy and the programs that prepare training data write.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/token_file.h"
#include "support/scratch.h"

// ---- .npy

static const char *write_npy(const char *type, const char *order, const char *shape,
                             const void *data, size_t size) {
    char bytes[4096] = "\x93NUMPY\x01";
    const int n =
        snprintf(bytes + 10, 4000, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", type,
                 order, shape);
    bytes[8] = (char)n;
    memcpy(bytes + 10 + n, data, size);
    const char *path = test_scratch_path("ids.npy");
    cr_assert(test_write_file(path, bytes, 10 + (size_t)n + size));
    return path;
}

static rk_token_file *open_file(const char *path) {
    rk_token_file *file = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_token_file_open(&file, path, &err), RK_OK, "%s", err.message);
    return file;
}

static void check_document(const rk_token_file *file, uint64_t document, const uint32_t *expected,
                           size_t n) {
    uint64_t length = 0;
    uint32_t tokens[16];
    rk_error err = {0};
    cr_assert_eq(rk_token_file_length(file, document, &length, &err), RK_OK, "%s", err.message);
    cr_assert_eq(length, n);
    for (size_t count = 0; count <= n; count++) {
        memset(tokens, 0xee, sizeof tokens);
        cr_assert_eq(rk_token_file_read(file, document, count, tokens, &err), RK_OK, "%s",
                     err.message);
        cr_assert_eq(memcmp(tokens, expected, count * sizeof *tokens), 0);
        cr_assert_eq(tokens[count], 0xeeeeeeee);
    }
    cr_assert_eq(rk_token_file_read(file, document, n + 1, tokens, &err), RK_ERR_ARGUMENT);
}

Test(token_file, npy_of_all_integer_types) {
    static const uint32_t expected[] = {1, 2, 100};
    static const char *const types[] = {"|u1", "|i1", "<u2", ">u2", "<i2",
                                        "<u4", ">i4", "<i8", ">u8"};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        const size_t width = (size_t)(types[t][2] - '0');
        unsigned char data[3 * 8] = {0};
        for (size_t i = 0; i < 3; i++) {
            data[i * width + (types[t][0] == '>' ? width - 1 : 0)] = (unsigned char)expected[i];
        }
        const char *path = write_npy(types[t], "False", "(3,)", data, 3 * width);
        cr_assert(rk_token_file_recognize(path));
        rk_token_file *file = open_file(path);
        cr_assert_str_eq(rk_token_file_kind(file), "npy");
        cr_assert_eq(rk_token_file_documents(file), 1);
        cr_assert_null(rk_token_file_data_path(file));
        check_document(file, 0, expected, 3);
        rk_token_file_close(&file);
    }
    test_scratch_remove();
}

Test(token_file, npy_of_documents) {
    const uint16_t data[] = {1, 2, 3, 65535, 5, 6};
    rk_token_file *file = open_file(write_npy("<u2", "False", "(2, 3)", data, sizeof data));
    cr_assert_eq(rk_token_file_documents(file), 2);
    check_document(file, 0, (const uint32_t[]){1, 2, 3}, 3);
    check_document(file, 1, (const uint32_t[]){65535, 5, 6}, 3);
    uint64_t length;
    cr_assert_eq(rk_token_file_length(file, 2, &length, NULL), RK_ERR_ARGUMENT);
    rk_token_file_close(&file);
    test_scratch_remove();
}

static void check_npy_refused(const char *type, const char *order, const char *shape, size_t size,
                              rk_status expected, const char *said) {
    static const char zeros[64];
    rk_token_file *file = (rk_token_file *)&size;
    rk_error err = {0};
    const char *path = write_npy(type, order, shape, zeros, size);
    cr_assert_eq(rk_token_file_open(&file, path, &err), expected, "%s %s: %s", type, shape,
                 err.message);
    cr_assert_null(file);
    cr_assert_not_null(strstr(err.message, said), "%s", err.message);
}

Test(token_file, npy_that_holds_no_tokens) {
    check_npy_refused("<f4", "False", "(4,)", 16, RK_ERR_UNSUPPORTED, "type '<f4'");
    check_npy_refused("<u3", "False", "(4,)", 12, RK_ERR_UNSUPPORTED, "type '<u3'");
    check_npy_refused("<u2", "True", "(2, 2)", 8, RK_ERR_UNSUPPORTED, "Fortran");
    check_npy_refused("<u2", "False", "(2, 2, 2)", 16, RK_ERR_UNSUPPORTED, "3 dimensions");
    check_npy_refused("<u2", "False", "()", 2, RK_ERR_UNSUPPORTED, "0 dimensions");
    check_npy_refused("<u2", "False", "(5,)", 8, RK_ERR_FORMAT, "8 bytes of numbers");
    check_npy_refused("<u2", "False", "(4,)", 9, RK_ERR_FORMAT, "9 bytes of numbers");
    check_npy_refused("<u2", "False", "(2, 9223372036854775807)", 8, RK_ERR_FORMAT, "8 bytes");
    check_npy_refused("<u8", "False", "(2305843009213693952, 8)", 0, RK_ERR_FORMAT, "0 bytes");
    test_scratch_remove();
}

Test(token_file, npy_without_tokens) {
    rk_token_file *file = open_file(write_npy("<u2", "False", "(0,)", "", 0));
    check_document(file, 0, (const uint32_t[]){0}, 0);
    rk_token_file_close(&file);
    // So many empty documents that a list of them would fill the memory.
    file = open_file(write_npy("<u2", "False", "(4611686018427387904, 0)", "", 0));
    cr_assert_eq(rk_token_file_documents(file), 0);
    rk_token_file_close(&file);
    test_scratch_remove();
}

Test(token_file, numbers_that_are_no_tokens) {
    const int64_t large[] = {1, 2, (int64_t)1 << 32}, negative[] = {1, -1};
    uint32_t tokens[3];
    rk_error err = {0};
    rk_token_file *file = open_file(write_npy("<i8", "False", "(3,)", large, sizeof large));
    cr_assert_eq(rk_token_file_read(file, 0, 2, tokens, &err), RK_OK);
    cr_assert_eq(rk_token_file_read(file, 0, 3, tokens, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "token 2 of document 0 is above"), "%s", err.message);
    rk_token_file_close(&file);
    file = open_file(write_npy("<i8", "False", "(2,)", negative, sizeof negative));
    cr_assert_eq(rk_token_file_read(file, 0, 2, tokens, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "token 1 of document 0 is negative"), "%s", err.message);
    rk_token_file_close(&file);
    test_scratch_remove();
}

// ---- .idx and .bin

typedef struct index_bytes {
    unsigned char bytes[256];
    size_t size;
} index_bytes;

static void put(index_bytes *idx, uint64_t value, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) idx->bytes[idx->size++] = (unsigned char)(value >> 8 * i);
}

// Three sequences of 2, 0 and 3 tokens in two documents: the first one, and the other two.
static index_bytes make_index(unsigned code, size_t width) {
    static const uint64_t sizes[] = {2, 0, 3}, starts[] = {0, 2, 2}, boundaries[] = {0, 1, 3};
    index_bytes idx = {.bytes = "MMIDIDX\0", .size = 9};
    put(&idx, 1, 8);
    put(&idx, code, 1);
    put(&idx, 3, 8);
    put(&idx, 3, 8);
    for (size_t i = 0; i < 3; i++) put(&idx, sizes[i], 4);
    for (size_t i = 0; i < 3; i++) put(&idx, starts[i] * width, 8);
    for (size_t i = 0; i < 3; i++) put(&idx, boundaries[i], 8);
    return idx;
}

static const char *write_pair(const index_bytes *idx, const void *data, size_t size) {
    cr_assert(test_write_file(test_scratch_path("data.bin"), data, size));
    const char *path = test_scratch_path("data.idx");
    cr_assert(test_write_file(path, idx->bytes, idx->size));
    return path;
}

static const uint16_t pair_data[] = {7, 65000, 1, 2, 3};

Test(token_file, pair_of_index_and_data) {
    const index_bytes idx = make_index(8, 2);
    const char *path = write_pair(&idx, pair_data, sizeof pair_data);
    cr_assert(rk_token_file_recognize(path));
    rk_token_file *file = open_file(path);
    cr_assert_str_eq(rk_token_file_kind(file), "idx");
    cr_assert_str_eq(rk_token_file_data_path(file), test_scratch_path("data.bin"));
    cr_assert_eq(rk_token_file_documents(file), 2);
    check_document(file, 0, (const uint32_t[]){7, 65000}, 2);
    check_document(file, 1, (const uint32_t[]){1, 2, 3}, 3);
    rk_token_file_close(&file);
    test_scratch_remove();
}

Test(token_file, pair_of_32_bit_tokens) {
    const int32_t data[] = {70000, 1, 2, 3, 4};
    const index_bytes idx = make_index(4, 4);
    rk_token_file *file = open_file(write_pair(&idx, data, sizeof data));
    check_document(file, 0, (const uint32_t[]){70000, 1}, 2);
    rk_token_file_close(&file);
    test_scratch_remove();
}

static void check_pair_refused(const index_bytes *idx, rk_status expected, const char *said) {
    rk_token_file *file = (rk_token_file *)&idx;
    rk_error err = {0};
    const char *path = write_pair(idx, pair_data, sizeof pair_data);
    cr_assert_eq(rk_token_file_open(&file, path, &err), expected, "%s", err.message);
    cr_assert_null(file);
    cr_assert_not_null(strstr(err.message, said), "%s", err.message);
}

Test(token_file, indices_that_cannot_be) {
    const index_bytes good = make_index(8, 2);
    index_bytes bad = good;
    bad.bytes[9] = 2;
    check_pair_refused(&bad, RK_ERR_UNSUPPORTED, "version 2");
    bad = good;
    bad.bytes[17] = 6;
    check_pair_refused(&bad, RK_ERR_UNSUPPORTED, "type 6");
    for (size_t at = 18; at < 34; at++) { // far more sequences or documents than bytes
        bad = good;
        bad.bytes[at] = 0xff;
        check_pair_refused(&bad, RK_ERR_FORMAT, "boundaries in a file of");
    }
    bad = good;
    memset(bad.bytes + 26, 0, 8);
    check_pair_refused(&bad, RK_ERR_FORMAT, "0 boundaries");
    for (size_t size = 9; size < good.size; size++) {
        bad = good;
        bad.size = size;
        check_pair_refused(&bad, RK_ERR_FORMAT, "bytes");
    }
    test_scratch_remove();
}

static void check_document_refused(size_t at, unsigned char value, uint64_t document,
                                   const char *said) {
    index_bytes bad = make_index(8, 2);
    bad.bytes[at] = value;
    rk_token_file *file = open_file(write_pair(&bad, pair_data, sizeof pair_data));
    uint64_t length;
    uint32_t tokens[8];
    rk_error err = {0};
    cr_assert_eq(rk_token_file_length(file, document, &length, &err), RK_ERR_FORMAT);
    cr_assert_not_null(strstr(err.message, said), "%s", err.message);
    cr_assert_eq(rk_token_file_read(file, document, 1, tokens, NULL), RK_ERR_FORMAT);
    rk_token_file_close(&file);
}

Test(token_file, documents_that_cannot_be) {
    enum { SIZES = 34, POINTERS = SIZES + 12, BOUNDARIES = POINTERS + 24 };
    check_document_refused(SIZES, 6, 0, "6 tokens from byte 0 on");
    check_document_refused(SIZES + 3, 0x80, 0, "tokens from byte 0");
    check_document_refused(POINTERS, 8, 0, "2 tokens from byte 8 on");
    check_document_refused(POINTERS + 7, 0x80, 0, "2 tokens from byte");
    check_document_refused(BOUNDARIES, 2, 0, "sequences 2 to 1 of 3");
    check_document_refused(BOUNDARIES + 16, 4, 1, "sequences 1 to 4 of 3");
    check_document_refused(BOUNDARIES + 15, 0x80, 1, "document 1 is sequences");
    test_scratch_remove();
}

Test(token_file, index_without_data_or_by_another_name) {
    const index_bytes idx = make_index(8, 2);
    rk_token_file *file = NULL;
    rk_error err = {0};
    const char *path = test_scratch_path("lonely.idx");
    cr_assert(test_write_file(path, idx.bytes, idx.size));
    cr_assert_eq(rk_token_file_open(&file, path, &err), RK_ERR_IO);
    cr_assert_not_null(strstr(err.message, "lonely.bin"), "%s", err.message);
    path = test_scratch_path("index");
    cr_assert(test_write_file(path, idx.bytes, idx.size));
    cr_assert_eq(rk_token_file_open(&file, path, &err), RK_ERR_ARGUMENT);
    cr_assert(test_write_file(path, "some text\n", 10));
    cr_assert_not(rk_token_file_recognize(path));
    cr_assert_eq(rk_token_file_open(&file, path, &err), RK_ERR_FORMAT);
    cr_assert_not(rk_token_file_recognize(test_scratch_path("nothing")));
    test_scratch_remove();
}
