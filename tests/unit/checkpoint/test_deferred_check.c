// Checksums that are compared after the rows have been read, in pieces.
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/reading.h"
#include "support/pth_writer.h"
#include "support/scratch.h"

TestSuite(deferred_check, .fini = test_scratch_remove);

enum { ROWS = 100, COLUMNS = 50, N = ROWS * COLUMNS };
static float values[N], small[4];

static const char *write_file(const char *name) {
    for (size_t i = 0; i < N; i++) values[i] = (float)(i * i % 1009);
    const test_pth_tensor tensors[] = {
        {.name = "big",
         .storage = "FloatStorage",
         .n_dims = 2,
         .dims = {ROWS, COLUMNS},
         .n_values = N,
         .data = values},
        // A view of a part of its storage.
        {.name = "part",
         .storage = "FloatStorage",
         .n_dims = 1,
         .dims = {2},
         .n_values = 4,
         .data = small},
    };
    const char *path = test_scratch_path(name);
    cr_assert(test_pth_write(path, tensors, 2));
    return path;
}

static rk_checkpoint *open_file(const char *path) {
    rk_checkpoint *file = NULL;
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_open(&file, path, &err), RK_OK, "%s", err.message);
    return file;
}

static size_t find(const rk_checkpoint *file, const char *name) {
    size_t index = 0;
    cr_assert(rk_checkpoint_find(file, name, &index));
    return index;
}

static void read_rows(rk_checkpoint *file, size_t tensor, size_t first, size_t n) {
    float out[N];
    rk_error err = {0};
    cr_assert_eq(rk_checkpoint_read_floats(file, tensor, first, n, out, &err), RK_OK, "%s",
                 err.message);
    cr_assert_eq(memcmp(out, values + first * COLUMNS, n * COLUMNS * sizeof out[0]), 0);
}

static int state_of(const rk_checkpoint *file, size_t tensor) {
    return atomic_load(&file->crc_state[file->views[tensor].storage]);
}

// Changes a byte of the big tensor's data, found by its values.
static void damage(const char *path, size_t byte) {
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    cr_assert_not_null(bytes);
    unsigned char *at = memmem(bytes, size, values, sizeof values);
    cr_assert_not_null(at);
    at[byte] ^= 1;
    cr_assert(test_write_file(path, bytes, size));
    free(bytes);
}

Test(deferred_check, pieces_in_any_order_are_enough) {
    static const struct { size_t first, n; } pieces[] = {{40, 7}, {99, 1}, {0, 40}, {47, 52}};
    rk_checkpoint *file = open_file(write_file("a.pth"));
    const size_t big = find(file, "big");
    rk__checkpoint_defer_check(file, big);
    cr_assert_eq(state_of(file, big), RK__DEFERRED);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        read_rows(file, big, pieces[i].first, pieces[i].n);
        cr_assert_eq(state_of(file, big), RK__DEFERRED, "read again");
    }
    // Were the file read again, this would fail.
    damage(rk_checkpoint_path(file), 0);
    cr_assert_eq(rk__checkpoint_settle_check(file, big, NULL), RK_OK);
    cr_assert_eq(state_of(file, big), RK__GOOD);
    rk_checkpoint_close(&file);
}

Test(deferred_check, damage_is_found_wherever_it_is) {
    for (size_t byte = 0; byte < sizeof values; byte += 1999) {
        const char *path = write_file("a.pth");
        damage(path, byte);
        rk_checkpoint *file = open_file(path);
        const size_t big = find(file, "big");
        rk__checkpoint_defer_check(file, big);
        float out[N];
        for (size_t row = 0; row < ROWS; row += 10) {
            cr_assert_eq(rk_checkpoint_read_floats(file, big, row, 10, out, NULL), RK_OK);
        }
        rk_error err = {0};
        cr_assert_eq(rk__checkpoint_settle_check(file, big, &err), RK_ERR_FORMAT, "byte %zu", byte);
        cr_assert(strstr(err.message, path) != NULL && strstr(err.message, "CRC-32") != NULL &&
                      strstr(err.message, "'big'") != NULL,
                  "%s", err.message);
        // And it stays so.
        cr_assert_eq(rk_checkpoint_read_floats(file, big, 0, 1, out, NULL), RK_ERR_FORMAT);
        rk_checkpoint_close(&file);
    }
}

// Rows that were read twice, or not at all, say nothing: the file is read again.
Test(deferred_check, other_reads_are_checked_again) {
    static const struct {
        size_t first, n, times;
    } reads[] = {{0, 50, 1}, {0, 50, 2}, {0, ROWS, 2}, {0, 10, 10}, {0, 0, 1}};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        for (int damaged = 0; damaged < 2; damaged++) {
            const char *path = write_file("a.pth");
            rk_checkpoint *file = open_file(path);
            const size_t big = find(file, "big");
            rk__checkpoint_defer_check(file, big);
            for (size_t k = 0; k < reads[i].times; k++) {
                read_rows(file, big, reads[i].first, reads[i].n);
            }
            if (damaged) damage(path, sizeof values - 1);
            const bool mixed_up = reads[i].n * reads[i].times == ROWS; // as many bytes, wrong sum
            const rk_status expected = damaged || mixed_up ? RK_ERR_FORMAT : RK_OK;
            cr_assert_eq(rk__checkpoint_settle_check(file, big, NULL), expected, "%zu, %d", i,
                         damaged);
            rk_checkpoint_close(&file);
        }
    }
}

Test(deferred_check, nothing_is_deferred_in_vain) {
    rk_checkpoint *file = open_file(write_file("a.pth"));
    const size_t big = find(file, "big"), part = find(file, "part");
    rk__checkpoint_defer_check(file, part); // not all of its storage
    cr_assert_eq(state_of(file, part), RK__UNCHECKED);
    read_rows(file, big, 0, 1);
    cr_assert_eq(state_of(file, big), RK__GOOD);
    rk__checkpoint_defer_check(file, big); // checked already
    cr_assert_eq(state_of(file, big), RK__GOOD);
    cr_assert_eq(rk__checkpoint_settle_check(file, big, NULL), RK_OK);
    rk_checkpoint_close(&file);
}
