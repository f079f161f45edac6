// Reading files: what is accepted, exact reads, files that change, mappings.
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];
static char path[128];

static void make_folder(void) {
    strcpy(folder, "/tmp/rk-file-read-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void) {
    unlink(path);
    rmdir(folder);
}

TestSuite(file_read, .init = make_folder, .fini = remove_folder);

static void write_file(const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

Test(file_read, any_range) {
    write_file("0123456789", 10);
    rk__file file;
    cr_assert_eq(rk__file_open(&file, path, NULL), RK_OK);
    cr_assert_eq(file.size, 10);
    cr_assert_str_eq(file.path, path);

    char bytes[10];
    cr_assert_eq(rk__file_read(&file, 0, bytes, 10, NULL), RK_OK);
    cr_assert_arr_eq(bytes, "0123456789", 10);
    cr_assert_eq(rk__file_read(&file, 7, bytes, 3, NULL), RK_OK);
    cr_assert_arr_eq(bytes, "789", 3);
    cr_assert_eq(rk__file_read(&file, 10, bytes, 0, NULL), RK_OK);
    rk__file_close(&file);
    cr_assert_null(file.path);
}

Test(file_read, beyond_the_end) {
    write_file("0123456789", 10);
    rk__file file;
    cr_assert_eq(rk__file_open(&file, path, NULL), RK_OK);
    char bytes[16];
    static const struct {
        uint64_t offset;
        size_t size;
    } ranges[] = {{8, 3}, {10, 1}, {11, 1}, {UINT64_MAX, 1}, {INT64_MAX, 2}, {5, SIZE_MAX - 2}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        rk_error err = {0};
        cr_assert_eq(rk__file_read(&file, ranges[i].offset, bytes, ranges[i].size, &err), RK_ERR_IO,
                     "range %zu", i);
        cr_assert_eq(strncmp(err.message, path, strlen(path)), 0, "%s", err.message);
        cr_assert_not_null(strstr(err.message, "10 bytes when it was opened"), "%s", err.message);
    }
    rk__file_close(&file);
}

Test(file_read, a_file_that_has_become_shorter) {
    write_file("0123456789", 10);
    rk__file file;
    cr_assert_eq(rk__file_open(&file, path, NULL), RK_OK);
    cr_assert_eq(truncate(path, 4), 0);
    char bytes[10];
    rk_error err = {0};
    cr_assert_eq(rk__file_read(&file, 0, bytes, 4, &err), RK_OK);
    cr_assert_eq(rk__file_read(&file, 2, bytes, 4, &err), RK_ERR_IO);
    rk__file_close(&file);
}

// Opening this path fails and the message ends in `reason`.
static void assert_refused(const char *what, const char *reason) {
    rk__file file;
    rk_error err = {0};
    cr_assert_eq(rk__file_open(&file, what, &err), RK_ERR_IO, "%s", what);
    char expected[512];
    snprintf(expected, sizeof expected, "%s: %s", what, reason);
    cr_assert_str_eq(err.message, expected);
    cr_assert_null(file.path);
    rk__file_close(&file); // fine after a failure
}

Test(file_read, what_is_no_regular_file_is_refused) {
    assert_refused(path, "No such file or directory");
    assert_refused(folder, "is a directory, a regular file is needed");
    assert_refused("/dev/null", "is a device, a regular file is needed");
    assert_refused("", "No such file or directory");
    // Nobody writes to this pipe; opening it must not wait for that.
    cr_assert_eq(mkfifo(path, 0600), 0);
    assert_refused(path, "is a pipe, a regular file is needed");
}

Test(file_read, closing_nothing) {
    rk__file file = {0};
    rk__file_close(&file);
    cr_assert_eq(fcntl(STDIN_FILENO, F_GETFD), 0, "descriptor 0 was closed");
}

// Gives the offsets' lowest bytes.
static rk_status read_counted(void *self, uint64_t offset, void *out, size_t size, rk_error *err) {
    (void)err;
    ++*(int *)self;
    for (size_t i = 0; i < size; i++) ((uint8_t *)out)[i] = (uint8_t)(offset + i);
    return RK_OK;
}

Test(file_read, a_source_in_place_of_a_file) {
    int calls = 0;
    const rk__file_source source = {read_counted, &calls, 1000};
    rk__file file;
    rk_error err = {0};
    cr_assert_eq(rk__file_open_source(&file, "made up", &source, &err), RK_OK, "%s", err.message);
    cr_assert_eq(file.size, 1000);
    uint8_t bytes[8];
    cr_assert_eq(rk__file_read(&file, 992, bytes, 8, &err), RK_OK, "%s", err.message);
    for (size_t i = 0; i < 8; i++) cr_assert_eq(bytes[i], (992 + i) % 256);
    cr_assert_eq(calls, 1);
    cr_assert_eq(rk__file_read(&file, 993, bytes, 8, &err), RK_ERR_IO);
    cr_assert_eq(calls, 1, "nothing is asked for behind the end");
    cr_assert_eq(strstr(err.message, "made up"), err.message, "%s", err.message);
    rk__file_close(&file);
    cr_assert_null(file.path);
}
