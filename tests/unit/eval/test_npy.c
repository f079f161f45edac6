// .npy files, byte by byte.
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/npy.h"
#include "support/scratch.h"

enum { HEADER_BYTES = 128 };

static rk_npy *create(const char *path, size_t n_columns) {
    rk_npy *npy = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_npy_create(&npy, path, RK_DTYPE_F32, n_columns, &err), RK_OK, "%s",
                 err.message);
    cr_assert_not_null(npy);
    return npy;
}

static void commit(rk_npy *npy) {
    rk_error err = {0};
    cr_assert_eq(rk_npy_commit(&npy, &err), RK_OK, "%s", err.message);
    cr_assert_null(npy);
}

// The bytes that numpy.save gives such an array (version 1.0), up to the amount of blanks.
static void check_header(const unsigned char *file, const char *shape) {
    static const unsigned char prefix[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, HEADER_BYTES - 10,
                                           0};
    cr_assert_eq(memcmp(file, prefix, sizeof prefix), 0);
    char dictionary[HEADER_BYTES];
    const int n = snprintf(dictionary, sizeof dictionary,
                           "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape);
    cr_assert_eq(memcmp(file + 10, dictionary, (size_t)n), 0, "%.118s", file + 10);
    for (int i = 10 + n; i < HEADER_BYTES - 1; i++) cr_assert_eq(file[i], ' ', "byte %d", i);
    cr_assert_eq(file[HEADER_BYTES - 1], '\n');
    cr_assert_eq(HEADER_BYTES % 64, 0);
}

Test(npy, three_rows_of_two) {
    const char *path = test_scratch_path("e.npy");
    rk_npy *npy = create(path, 2);
    const float rows[3][2] = {{1, -2}, {0.5F, 3}, {-0.0F, 1e-3F}};
    for (size_t i = 0; i < 3; i++) cr_assert_eq(rk_npy_append(npy, rows[i], NULL), RK_OK);
    cr_assert_not(test_file_exists(path), "the file is there before it is finished");
    commit(npy);

    size_t size;
    unsigned char *file = test_read_file(path, &size);
    cr_assert_eq(size, HEADER_BYTES + sizeof rows);
    check_header(file, "(3, 2)");
    static const unsigned char values[] = {0, 0, 0x80, 0x3f, 0,    0,    0,    0xc0,
                                           0, 0, 0,    0x3f, 0,    0,    0x40, 0x40,
                                           0, 0, 0x00, 0x80, 0x6f, 0x12, 0x83, 0x3a};
    cr_assert_eq(memcmp(file + HEADER_BYTES, values, sizeof values), 0);
    free(file);
    cr_assert_eq(test_scratch_count(), 1, "a temporary file was left");
    test_scratch_remove();
}

Test(npy, no_rows) {
    const char *path = test_scratch_path("e.npy");
    commit(create(path, 5));
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    cr_assert_eq(size, HEADER_BYTES);
    check_header(file, "(0, 5)");
    free(file);
    test_scratch_remove();
}

// More than is kept in memory, so that the header has been written to disk when the number of rows
// is known.
Test(npy, many_rows) {
    enum { ROWS = 3000, COLUMNS = 1000 };
    const char *path = test_scratch_path("e.npy");
    rk_npy *npy = create(path, COLUMNS);
    static float row[COLUMNS];
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < COLUMNS; k++) row[k] = (float)(i * COLUMNS + k);
        cr_assert_eq(rk_npy_append(npy, row, NULL), RK_OK);
    }
    commit(npy);
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    cr_assert_eq(size, HEADER_BYTES + sizeof row * ROWS);
    check_header(file, "(3000, 1000)");
    for (size_t i = 0; i < ROWS * COLUMNS; i += 997) {
        float value;
        memcpy(&value, file + HEADER_BYTES + i * sizeof value, sizeof value);
        cr_assert_eq(value, (float)i);
    }
    free(file);
    test_scratch_remove();
}

Test(npy, the_widest_rows_fit_the_header) {
    const char *path = test_scratch_path("e.npy");
    const size_t widest = SIZE_MAX / sizeof(float);
    commit(create(path, widest));
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    char shape[64];
    (void)snprintf(shape, sizeof shape, "(0, %zu)", widest);
    check_header(file, shape);
    free(file);
    test_scratch_remove();
}

Test(npy, giving_up_leaves_the_old_file) {
    const char *path = test_scratch_path("e.npy");
    cr_assert(test_write_file(path, "old", 3));
    rk_npy *npy = create(path, 1);
    cr_assert_eq(rk_npy_append(npy, (const float[]){1}, NULL), RK_OK);
    rk_npy_abort(&npy);
    cr_assert_null(npy);
    rk_npy_abort(&npy);
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    cr_assert_eq(size, 3);
    cr_assert_eq(memcmp(file, "old", 3), 0);
    free(file);
    cr_assert_eq(test_scratch_count(), 1, "a temporary file was left");
    test_scratch_remove();
}

Test(npy, what_cannot_be_written_is_refused) {
    rk_npy *npy = (rk_npy *)&npy;
    rk_error err = {0};
    cr_assert_eq(rk_npy_create(&npy, test_scratch_path("none/e.npy"), RK_DTYPE_F32, 3, &err),
                 RK_ERR_IO);
    cr_assert_null(npy);
    cr_assert_not_null(strstr(err.message, "none/e.npy"), "%s", err.message);
    const char *path = test_scratch_path("e.npy");
    cr_assert_eq(rk_npy_create(&npy, path, RK_DTYPE_F32, 0, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_npy_create(&npy, path, RK_DTYPE_F32, SIZE_MAX / 2, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_npy_create(&npy, path, RK_DTYPE_BF16, 3, &err), RK_ERR_ARGUMENT);
    cr_assert_not(test_file_exists(path));
    test_scratch_remove();
}

Test(npy, halves) {
    const char *path = test_scratch_path("e.npy");
    rk_npy *npy = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_npy_create(&npy, path, RK_DTYPE_F16, 3, &err), RK_OK, "%s", err.message);
    const float row[] = {1, -0.1F, 65519};
    cr_assert_eq(rk_npy_append(npy, row, &err), RK_OK, "%s", err.message);
    const float large[] = {1, -65520, 0};
    cr_assert_eq(rk_npy_append(npy, large, &err), RK_ERR_RANGE);
    cr_assert_not_null(strstr(err.message, "value 1 "), "%s", err.message);
    commit(npy);
    size_t size;
    unsigned char *file = test_read_file(path, &size);
    static const unsigned char values[] = {0x00, 0x3c, 0x66, 0xae, 0xff, 0x7b};
    cr_assert_eq(size, HEADER_BYTES + sizeof values, "a row that does not fit was written");
    cr_assert_eq(memcmp(file + HEADER_BYTES, values, sizeof values), 0);
    cr_assert_not_null(strstr((char *)file + 10, "'descr': '<f2'"));
    free(file);

    rk_npy_rows *rows = NULL;
    cr_assert_eq(rk_npy_open(&rows, path, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_npy_dtype(rows), RK_DTYPE_F16);
    float back[3];
    cr_assert_eq(rk_npy_read(rows, 0, 1, back, &err), RK_OK, "%s", err.message);
    cr_assert_eq(back[0], 1);
    cr_assert_eq(back[1], -0.0999755859375F);
    cr_assert_eq(back[2], 65504);
    rk_npy_close(&rows);
    test_scratch_remove();
}

// ---- reading

// Writes a file of NumPy's: prefix of a version, a dictionary as it stands here, then n_bytes
// bytes that count up.
static const char *write_npy(int version, const char *dictionary, size_t n_bytes) {
    static unsigned char file[8192];
    const size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    memset(file + 7, 0, 5);
    file[8] = (unsigned char)length;
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + prefix, dictionary, length);
    for (size_t i = 0; i < n_bytes; i++) file[prefix + length + i] = (unsigned char)i;
    const char *path = test_scratch_path("n.npy");
    cr_assert(test_write_file(path, file, prefix + length + n_bytes));
    return path;
}

static rk_status try_read(int version, const char *dictionary, size_t n_bytes, rk_error *err) {
    rk_npy_rows *rows = (rk_npy_rows *)err;
    const rk_status status = rk_npy_open(&rows, write_npy(version, dictionary, n_bytes), err);
    cr_assert_eq(rows == NULL, status != RK_OK);
    rk_npy_close(&rows);
    return status;
}

Test(npy, rows_come_back) {
    const char *path = test_scratch_path("e.npy");
    enum { ROWS = 100, COLUMNS = 7 };
    rk_npy *npy = create(path, COLUMNS);
    float row[COLUMNS];
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < COLUMNS; k++) row[k] = (float)(i * COLUMNS + k) / 3;
        cr_assert_eq(rk_npy_append(npy, row, NULL), RK_OK);
    }
    commit(npy);
    rk_npy_rows *rows = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_npy_open(&rows, path, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_npy_count(rows), ROWS);
    cr_assert_eq(rk_npy_columns(rows), COLUMNS);
    cr_assert_eq(rk_npy_dtype(rows), RK_DTYPE_F32);
    float some[3][COLUMNS];
    cr_assert_eq(rk_npy_read(rows, 97, 3, &some[0][0], &err), RK_OK, "%s", err.message);
    for (size_t k = 0; k < 3 * COLUMNS; k++) {
        cr_assert_eq(some[k / COLUMNS][k % COLUMNS], (float)(97 * COLUMNS + k) / 3);
    }
    cr_assert_eq(rk_npy_read(rows, ROWS, 0, &some[0][0], &err), RK_OK);
    cr_assert_eq(rk_npy_read(rows, 98, 3, &some[0][0], &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_npy_read(rows, UINT64_MAX, 1, &some[0][0], &err), RK_ERR_ARGUMENT);
    rk_npy_close(&rows);
    cr_assert_null(rows);
    test_scratch_remove();
}

Test(npy, headers_of_other_writers_are_read) {
    static const struct {
        int version;
        const char *dictionary;
        size_t n_bytes;
    } fine[] = {
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24},
        {2, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3)}\n", 12},
        {3, "{'shape': (1, 4), 'fortran_order': False, 'descr': '<f4'}", 16},
        {1, "{'descr':'<f4','fortran_order':False,'shape':(0,5)}", 0},
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        rk_error err = {0};
        cr_assert_eq(try_read(fine[i].version, fine[i].dictionary, fine[i].n_bytes, &err), RK_OK,
                     "%s: %s", fine[i].dictionary, err.message);
    }
    test_scratch_remove();
}

Test(npy, other_arrays_and_damaged_ones_are_refused) {
    static const struct {
        int version;
        const char *dictionary;
        size_t n_bytes;
        rk_status status;
    } wrong[] = {
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", 48, RK_ERR_UNSUPPORTED},
        {1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24, RK_ERR_UNSUPPORTED},
        {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, RK_ERR_UNSUPPORTED},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24, RK_ERR_UNSUPPORTED},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", 24,
         RK_ERR_UNSUPPORTED},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }", 0, RK_ERR_UNSUPPORTED},
        {4, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, RK_ERR_UNSUPPORTED},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 0,
         RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 18446744073709551615), }", 24,
         RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 18446744073709551616), }", 24,
         RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False}", 24, RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 24,
         RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}", 24, RK_ERR_FORMAT},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}", 24, RK_ERR_FORMAT},
        {1, "{'descr': '<f4, 'fortran_order': False, 'shape': (2, 3)}", 24, RK_ERR_FORMAT},
        {1, "{", 24, RK_ERR_FORMAT},
        {1, "", 24, RK_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rk_error err = {0};
        cr_assert_eq(try_read(wrong[i].version, wrong[i].dictionary, wrong[i].n_bytes, &err),
                     wrong[i].status, "%s: %s", wrong[i].dictionary, err.message);
        cr_assert_not_null(strstr(err.message, "n.npy"), "%s", err.message);
    }
    rk_npy_rows *rows = NULL;
    rk_error err = {0};
    const char *path = test_scratch_path("x.npy");
    cr_assert(test_write_file(path, "\x93NUMPY", 6));
    cr_assert_eq(rk_npy_open(&rows, path, &err), RK_ERR_FORMAT);
    cr_assert(test_write_file(path, "no array at all", 15));
    cr_assert_eq(rk_npy_open(&rows, path, &err), RK_ERR_FORMAT);
    cr_assert_eq(rk_npy_open(&rows, test_scratch_path("none.npy"), &err), RK_ERR_IO);
    test_scratch_remove();
}
