// .npy files, byte by byte.
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rk/embed.h"
#include "support/scratch.h"

enum { HEADER_BYTES = 128 };

static rk_npy *create(const char *path, size_t n_columns) {
    rk_npy *npy = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_npy_create(&npy, path, n_columns, &err), RK_OK, "%s", err.message);
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
    cr_assert_eq(rk_npy_create(&npy, test_scratch_path("none/e.npy"), 3, &err), RK_ERR_IO);
    cr_assert_null(npy);
    cr_assert_not_null(strstr(err.message, "none/e.npy"), "%s", err.message);
    const char *path = test_scratch_path("e.npy");
    cr_assert_eq(rk_npy_create(&npy, path, 0, &err), RK_ERR_ARGUMENT);
    cr_assert_eq(rk_npy_create(&npy, path, SIZE_MAX / 2, &err), RK_ERR_ARGUMENT);
    cr_assert_not(test_file_exists(path));
    test_scratch_remove();
}
