// Importance matrices in memory: lists of matrices, and what merging makes of two.
#include <criterion/criterion.h>
#include <string.h>

#include "convert/imatrix_record.h"

static rk_imatrix *new_imatrix(void) {
    rk_imatrix *imatrix;
    cr_assert_eq(rk_imatrix_new(&imatrix, NULL), RK_OK);
    return imatrix;
}

// A matrix of 4 channels whose mean squares are all `square`, with products in groups of `group`.
static void add(rk_imatrix *imatrix, const char *name, uint64_t n_tokens, float square,
                size_t group) {
    rk__imatrix_record *record;
    cr_assert_eq(rk__imatrix_add(imatrix, name, strlen(name), 4, group, &record, NULL), RK_OK);
    record->n_tokens = n_tokens;
    for (size_t i = 0; i < 4; i++) record->mean_squares[i] = square;
    const size_t n_products = rk__imatrix_products(4, group);
    for (size_t i = 0; i < n_products; i++) record->moments[i] = -square;
}

Test(imatrix, is_a_list) {
    rk_imatrix *imatrix = new_imatrix();
    rk_imatrix_entry entry = {0};
    cr_assert_eq(rk_imatrix_count(imatrix), 0);
    cr_assert_not(rk_imatrix_find(imatrix, "a", &entry));
    add(imatrix, "a", 3, 1.0F, 0);
    add(imatrix, "a.b", 5, 2.0F, 2);
    cr_assert_eq(rk_imatrix_count(imatrix), 2);
    cr_assert(rk_imatrix_find(imatrix, "a.b", &entry));
    cr_assert_eq(entry.n_tokens, 5);
    cr_assert_eq(entry.n_channels, 4);
    cr_assert_eq(entry.group, 2);
    cr_assert_eq(rk_imatrix_product(&entry, 3, 2), -2.0F);
    cr_assert_null(rk_imatrix_at(imatrix, 0).moments);
    cr_assert_not(rk_imatrix_find(imatrix, "a.", &entry));
    rk_imatrix_free(&imatrix);
    cr_assert_null(imatrix);
    rk_imatrix_free(&imatrix);
}

// Groups of 3 of 8 channels: each product has one place, whichever of the two is named first.
Test(imatrix, products_have_a_place_each) {
    enum { CHANNELS = 8, SIZE = 3, PRODUCTS = 6 + 6 + 3 };
    rk_imatrix *imatrix = new_imatrix();
    rk__imatrix_record *record;
    cr_assert_eq(rk__imatrix_products(CHANNELS, SIZE), PRODUCTS);
    cr_assert_eq(rk__imatrix_products(6, SIZE), 12);
    cr_assert_eq(rk__imatrix_products(CHANNELS, 0), 0);
    cr_assert_eq(rk__imatrix_add(imatrix, "a", 1, CHANNELS, SIZE, &record, NULL), RK_OK);
    for (size_t i = 0; i < PRODUCTS; i++) record->moments[i] = (float)i;
    const rk_imatrix_entry entry = rk_imatrix_at(imatrix, 0);
    float next = 0.0F;
    for (size_t i = 0; i < CHANNELS; i++) {
        for (size_t j = i - i % SIZE; j <= i; j++) {
            cr_expect_eq(rk_imatrix_product(&entry, i, j), next, "%zu, %zu", i, j);
            cr_expect_eq(rk_imatrix_product(&entry, j, i), next, "%zu, %zu", j, i);
            next += 1.0F;
        }
    }
    rk_imatrix_free(&imatrix);
}

Test(imatrix, merging_weighs_by_tokens) {
    rk_imatrix *a = new_imatrix(), *b = new_imatrix();
    add(a, "both", 30, 1.0F, 2);
    add(a, "mine", 30, 1.0F, 0);
    add(b, "yours", 10, 7.0F, 2);
    add(b, "both", 10, 5.0F, 2);
    cr_assert_eq(rk_imatrix_merge(a, b, NULL), RK_OK);
    rk_imatrix_entry entry = {0};
    cr_assert_eq(rk_imatrix_count(a), 3);
    cr_assert(rk_imatrix_find(a, "both", &entry));
    cr_assert_eq(entry.n_tokens, 40);
    cr_assert_float_eq(entry.mean_squares[3], 2.0F, 1e-6);
    cr_assert_float_eq(rk_imatrix_product(&entry, 3, 3), -2.0F, 1e-6);
    cr_assert(rk_imatrix_find(a, "mine", &entry));
    cr_assert(entry.n_tokens == 30 && entry.mean_squares[0] == 1.0F);
    cr_assert(rk_imatrix_find(a, "yours", &entry));
    cr_assert(entry.n_tokens == 10 && entry.mean_squares[0] == 7.0F && entry.moments[0] == -7.0F);
    rk_imatrix_free(&a);
    rk_imatrix_free(&b);
}

Test(imatrix, merging_with_what_has_seen_nothing_changes_nothing) {
    rk_imatrix *a = new_imatrix(), *b = new_imatrix();
    add(a, "x", 0, 0.0F, 0);
    add(b, "x", 0, 9.0F, 0);
    cr_assert_eq(rk_imatrix_merge(a, b, NULL), RK_OK);
    cr_assert_eq(rk_imatrix_at(a, 0).mean_squares[0], 0.0F);
    add(b, "y", 4, 9.0F, 0);
    cr_assert_eq(rk_imatrix_merge(a, b, NULL), RK_OK);
    cr_assert_eq(rk_imatrix_at(a, 1).mean_squares[0], 9.0F);
    rk_imatrix_free(&a);
    rk_imatrix_free(&b);
}

static void expect_mismatch(size_t group, const char *says) {
    rk_imatrix *a = new_imatrix(), *b = new_imatrix();
    rk_error err = {0};
    add(a, "x", 1, 1.0F, 2);
    add(b, "new", 1, 2.0F, 0);
    add(b, "x", 1, 2.0F, group);
    if (group == 2) b->records[1].n_channels = 3;
    cr_assert_eq(rk_imatrix_merge(a, b, &err), RK_ERR_MISMATCH);
    cr_assert_not_null(strstr(err.message, says), "%s", err.message);
    cr_assert_eq(rk_imatrix_count(a), 1, "nothing was added");
    cr_assert_eq(rk_imatrix_at(a, 0).mean_squares[0], 1.0F, "nothing was changed");
    rk_imatrix_free(&a);
    rk_imatrix_free(&b);
}

Test(imatrix, what_does_not_fit_is_not_merged) {
    expect_mismatch(2, "x has 4 channels in one, 3 in the other");
    expect_mismatch(0, "groups of 2 channels in one, 0 in the other");
    expect_mismatch(4, "groups of 2 channels in one, 4 in the other");
}

Test(imatrix, counts_do_not_overflow) {
    rk_imatrix *a = new_imatrix(), *b = new_imatrix();
    add(a, "x", UINT64_MAX - 1, 1.0F, 0);
    add(b, "x", UINT64_MAX - 1, 3.0F, 0);
    cr_assert_eq(rk_imatrix_merge(a, b, NULL), RK_OK);
    cr_assert_eq(rk_imatrix_at(a, 0).n_tokens, UINT64_MAX);
    cr_assert_float_eq(rk_imatrix_at(a, 0).mean_squares[0], 2.0F, 1e-5);
    rk_imatrix_free(&a);
    rk_imatrix_free(&b);
}
