// Files of importance matrices: ours, other programs', and broken ones.
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/imatrix_record.h"
#include "support/scratch.h"

TestSuite(imatrix_files, .fini = test_scratch_remove);

static rk__imatrix_record *add(rk_imatrix *imatrix, const char *name, size_t n_channels,
                               size_t group, uint64_t n_tokens) {
    rk__imatrix_record *r;
    cr_assert_eq(rk__imatrix_add(imatrix, name, strlen(name), n_channels, group, &r, NULL), RK_OK);
    r->n_tokens = n_tokens;
    for (size_t i = 0; i < n_channels; i++) r->mean_squares[i] = 0.1F + (float)(i % 11);
    for (size_t i = 0; i < n_channels; i++) {
        const size_t first = group == 0 ? 0 : i - i % group;
        for (size_t j = 0; group > 0 && first + j <= i; j++) {
            const float both = sqrtf(r->mean_squares[i] * r->mean_squares[first + j]);
            const size_t place = rk__imatrix_products_of(group, i) + j;
            r->moments[place] = both * (first + j == i ? 1.0F : 0.37F);
        }
    }
    return r;
}

static rk_imatrix *sample(void) {
    rk_imatrix *imatrix;
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    add(imatrix, "blocks.0.att.key.weight", 96, 64, 5000000000);
    add(imatrix, "blocks.0.ffn.value.weight", 40, 40, 1024);
    add(imatrix, "head.weight", 7, 0, 3);
    return imatrix;
}

static rk_imatrix *load(const char *path) {
    rk_imatrix *imatrix;
    rk_error err = {0};
    cr_assert_eq(rk_imatrix_load(&imatrix, path, &err), RK_OK, "%s", err.message);
    return imatrix;
}

static void save(const rk_imatrix *imatrix, const char *path, rk_imatrix_layout layout) {
    rk_error err = {0};
    cr_assert_eq(rk_imatrix_save(imatrix, path, layout, &err), RK_OK, "%s", err.message);
}

static void expect_same(const rk_imatrix_entry *a, const rk_imatrix_entry *b, bool all) {
    cr_assert_str_eq(a->name, b->name);
    cr_assert_eq(a->n_channels, b->n_channels);
    for (size_t i = 0; i < a->n_channels; i++) {
        const double limit = all ? 0.0 : 1e-6 * (double)a->mean_squares[i];
        cr_assert_float_eq(a->mean_squares[i], b->mean_squares[i], limit, "%s, %zu", a->name, i);
    }
    if (!all) return;
    cr_assert_eq(a->n_tokens, b->n_tokens);
    cr_assert_eq(a->group, b->group);
    const size_t n_products = rk__imatrix_products(a->n_channels, a->group);
    for (size_t i = 0; i < n_products; i++) { // FP16 cosines
        cr_assert_float_eq(a->moments[i], b->moments[i], 1e-3 * (0.1 + fabs(a->moments[i])));
    }
}

Test(imatrix_files, npz_holds_everything) {
    const char *path = test_scratch_path("all.npz"), *again = test_scratch_path("again.npz");
    rk_imatrix *imatrix = sample();
    save(imatrix, path, RK_IMATRIX_NPZ);
    rk_imatrix *read = load(path);
    cr_assert_eq(rk_imatrix_count(read), 3);
    for (size_t i = 0; i < 3; i++) {
        const rk_imatrix_entry a = rk_imatrix_at(imatrix, i), b = rk_imatrix_at(read, i);
        expect_same(&a, &b, true);
    }
    save(imatrix, again, RK_IMATRIX_NPZ);
    cr_assert(test_same_bytes(path, again), "the same file for the same content");
    rk_imatrix_free(&imatrix);
    rk_imatrix_free(&read);
}

Test(imatrix_files, dat_holds_mean_squares) {
    const char *path = test_scratch_path("all.dat");
    rk_imatrix *imatrix = sample();
    save(imatrix, path, RK_IMATRIX_DAT);
    rk_imatrix *read = load(path);
    static const uint64_t tokens[] = {5000000000 / 512 * 512 + 512, 1024, 512};
    for (size_t i = 0; i < 3; i++) {
        const rk_imatrix_entry a = rk_imatrix_at(imatrix, i), b = rk_imatrix_at(read, i);
        expect_same(&a, &b, false);
        cr_assert_eq(b.group, 0);
        cr_assert(b.n_tokens == tokens[i] || b.n_tokens + 512 == tokens[i], "%zu", i);
    }
    rk_imatrix_free(&imatrix);
    rk_imatrix_free(&read);
}

// ---- files of other programs

Test(imatrix_files, reads_archives_of_numpy) {
    rk_imatrix *imatrix = load(RK_TEST_DATA "/imatrix/numpy.npz");
    rk_imatrix_entry e = {0};
    cr_assert_eq(rk_imatrix_count(imatrix), 2);
    cr_assert(rk_imatrix_find(imatrix, "blocks.0.att.key.weight", &e));
    cr_assert(e.n_channels == 64 && e.n_tokens == 1 && e.group == 0);
    for (size_t i = 0; i < 64; i++) cr_assert_eq(e.mean_squares[i], (float)i / 8);
    rk_imatrix_free(&imatrix);

    imatrix = load(RK_TEST_DATA "/imatrix/correlated.npz");
    cr_assert(rk_imatrix_find(imatrix, "x", &e));
    cr_assert(e.n_channels == 96 && e.n_tokens == 77 && e.group == 64);
    // Channels 70 and 73, 6 and 9 in the second group.
    cr_assert_float_eq(rk_imatrix_product(&e, 70, 73), sqrt(1.0 * 4.0) / 16, 1e-6);
    rk_imatrix_free(&imatrix);
}

Test(imatrix_files, reads_the_dat_layout_of_llama_cpp) {
    rk_imatrix *imatrix = load(RK_TEST_DATA "/imatrix/calls.dat");
    rk_imatrix_entry e = {0};
    cr_assert(rk_imatrix_find(imatrix, "blk.0.attn_q.weight", &e));
    cr_assert(e.n_channels == 8 && e.n_tokens == 3 * 512);
    for (size_t i = 0; i < 8; i++) cr_assert_float_eq(e.mean_squares[i], (double)i / 2, 1e-6);
    cr_assert(rk_imatrix_find(imatrix, "output.weight", &e));
    cr_assert_float_eq(e.mean_squares[2], 4.0, 1e-6);
    rk_imatrix_free(&imatrix);
}

// ---- broken files

static rk_status load_bytes(const void *bytes, size_t size, rk_error *err) {
    const char *path = test_scratch_path("broken");
    rk_imatrix *imatrix = NULL;
    cr_assert(test_write_file(path, bytes, size));
    const rk_status status = rk_imatrix_load(&imatrix, path, err);
    cr_assert_eq(imatrix != NULL, status == RK_OK);
    rk_imatrix_free(&imatrix);
    return status;
}

static void cut_everywhere(rk_imatrix_layout layout, size_t needed) {
    const char *path = test_scratch_path("whole");
    rk_imatrix *imatrix = sample();
    size_t size;
    save(imatrix, path, layout);
    unsigned char *bytes = test_read_file(path, &size);
    for (size_t n = 0; n < size - needed; n += n < 400 || n + 400 > size ? 1 : 97) {
        rk_error err = {0};
        cr_assert_neq(load_bytes(bytes, n, &err), RK_OK, "%zu of %zu bytes", n, size);
        cr_assert_not_null(strstr(err.message, "broken"), "%s", err.message);
    }
    free(bytes);
    rk_imatrix_free(&imatrix);
}

Test(imatrix_files, cut_off_files_are_refused) {
    cut_everywhere(RK_IMATRIX_NPZ, 0);
    cut_everywhere(RK_IMATRIX_DAT, 8); // what may be missing at the end
}

// A byte changed here and there never does harm; the checksums of an archive see all of them.
Test(imatrix_files, damaged_files_do_no_harm) {
    const char *path = test_scratch_path("whole");
    rk_imatrix *imatrix = sample();
    size_t size;
    save(imatrix, path, RK_IMATRIX_DAT);
    unsigned char *bytes = test_read_file(path, &size);
    for (size_t i = 0; i < size; i++) {
        rk_error err;
        bytes[i] ^= 0x80;
        (void)load_bytes(bytes, size, &err);
        bytes[i] ^= 0x80;
    }
    free(bytes);
    rk_imatrix_free(&imatrix);
}

static void expect_refused(rk_imatrix *imatrix, rk_imatrix_layout layout, rk_status expected,
                           const char *says) {
    const char *path = test_scratch_path("bad.npz");
    rk_imatrix *read = NULL;
    rk_error err = {0};
    save(imatrix, path, layout);
    cr_assert_eq(rk_imatrix_load(&read, path, &err), expected, "%s", err.message);
    cr_assert_not_null(strstr(err.message, says), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "bad.npz"), "%s", err.message);
    cr_assert_null(read);
    rk_imatrix_free(&imatrix);
}

Test(imatrix_files, values_that_cannot_be_are_refused) {
    static const float bad[] = {-1.0F, NAN, INFINITY};
    for (size_t i = 0; i < 3; i++) {
        rk_imatrix *imatrix = sample();
        imatrix->records[1].mean_squares[9] = bad[i];
        expect_refused(imatrix, RK_IMATRIX_DAT, RK_ERR_RANGE,
                       "the mean square of channel 9 of blocks.0.ffn.value.weight");
        imatrix = sample();
        imatrix->records[2].mean_squares[6] = bad[i];
        expect_refused(imatrix, RK_IMATRIX_NPZ, RK_ERR_RANGE,
                       "the mean square of channel 6 of head.weight");
    }
}

Test(imatrix_files, arrays_that_are_none_of_ours_are_refused) {
    static const struct {
        const char *file, *says;
    } cases[] = {
        {"too-much.npz", "a correlation of 1.5 in row 2"},
        {"nan.npz", "a correlation of nan in row 0"},
        {"too-few-rows.npz", "2 dimensions, 3 x 4, for 4 channels"},
        {"two-dimensions.npz", "x is no vector of mean squares"},
        {"three-dimensions.npz", "3 dimensions"},
        {"text.npz", "type '<U1'"},
        {"integers.npz", "x is no vector of mean squares"},
        {"fraction-of-tokens.npz", "no number of tokens"},
        {"empty-vector.npz", "an array of type '<f4'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[4096];
        rk_imatrix *imatrix;
        rk_error err = {0};
        (void)snprintf(path, sizeof path, "%s/imatrix/%s", RK_TEST_DATA, cases[i].file);
        cr_expect_neq(rk_imatrix_load(&imatrix, path, &err), RK_OK, "%s", cases[i].file);
        cr_expect_not_null(strstr(err.message, cases[i].says), "%s", err.message);
        cr_expect_not_null(strstr(err.message, cases[i].file), "%s", err.message);
    }
}

Test(imatrix_files, groups_that_cut_blocks_are_refused) {
    rk_imatrix *imatrix;
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    add(imatrix, "x", 96, 48, 1);
    expect_refused(imatrix, RK_IMATRIX_NPZ, RK_ERR_FORMAT, "96 x 48, for 96 channels");
}

Test(imatrix_files, no_matrix_twice_and_none_without_a_name) {
    rk_imatrix *imatrix = sample();
    strcpy(imatrix->records[2].name, "blocks.0.a");
    add(imatrix, "blocks.0.a", 3, 0, 1);
    expect_refused(imatrix, RK_IMATRIX_DAT, RK_ERR_FORMAT, "holds blocks.0.a twice");
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    expect_refused(imatrix, RK_IMATRIX_NPZ, RK_ERR_FORMAT, "without importance matrices");
}

// 16 bytes ask for two thousand million channels.
Test(imatrix_files, promises_are_checked_before_memory_is_taken) {
    static const uint8_t bytes[] = {1, 0, 0, 0, 1, 0, 0,    0,    'x',  1,
                                    0, 0, 0, 0, 0, 0, 0x7f, 0x00, 0x00, 0x00};
    uint8_t many[24] = {0xff, 0xff, 0xff, 0x7f};
    rk_error err = {0};
    cr_assert_eq(load_bytes(bytes, sizeof bytes, &err), RK_ERR_FORMAT);
    cr_assert_eq(load_bytes(many, sizeof many, &err), RK_ERR_FORMAT);
    cr_assert_not_null(strstr(err.message, "neither .npz nor .dat"), "%s", err.message);
}

Test(imatrix_files, a_failed_save_leaves_the_old_file) {
    rk_error err = {0};
    rk_imatrix *imatrix = sample();
    cr_assert_eq(rk_imatrix_save(imatrix, "/no/such/folder/x.npz", RK_IMATRIX_NPZ, &err),
                 RK_ERR_IO);
    char *name = malloc(2000); // longer than a file may have
    memset(name, 'n', 1999);
    name[1999] = '\0';
    const char *path = test_scratch_path("old.npz");
    save(imatrix, path, RK_IMATRIX_NPZ);
    add(imatrix, name, 2, 0, 1);
    cr_assert_eq(rk_imatrix_save(imatrix, path, RK_IMATRIX_NPZ, &err), RK_ERR_UNSUPPORTED);
    rk_imatrix *read = load(path);
    cr_assert_eq(rk_imatrix_count(read), 3);
    free(name);
    rk_imatrix_free(&read);
    rk_imatrix_free(&imatrix);
}
