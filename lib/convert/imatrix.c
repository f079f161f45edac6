// Importance matrices in memory: a list of matrices with the means of what they have seen.
#include "convert/imatrix_record.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/compensation.h"

rk_status rk_imatrix_new(rk_imatrix **out, rk_error *err) {
    return rk__alloc((void **)out, 1, sizeof **out, err);
}

static void record_fini(rk__imatrix_record *record) {
    rk__free(record->name);
    rk__free(record->mean_squares);
    rk__free(record->moments);
    *record = (rk__imatrix_record){0};
}

void rk_imatrix_free(rk_imatrix **imatrix) {
    if (*imatrix == NULL) return;
    for (size_t i = 0; i < (*imatrix)->n_records; i++) record_fini(&(*imatrix)->records[i]);
    rk__free((*imatrix)->records);
    rk__free(*imatrix);
    *imatrix = NULL;
}

size_t rk_imatrix_count(const rk_imatrix *imatrix) {
    return imatrix->n_records;
}

static rk_imatrix_entry entry_of(const rk__imatrix_record *record) {
    return (rk_imatrix_entry){.name = record->name,
                              .n_channels = record->n_channels,
                              .n_tokens = record->n_tokens,
                              .mean_squares = record->mean_squares,
                              .moments = record->moments,
                              .group = record->group};
}

rk_imatrix_entry rk_imatrix_at(const rk_imatrix *imatrix, size_t index) {
    assert(index < imatrix->n_records);
    return entry_of(&imatrix->records[index]);
}

// ---- products of channels

size_t rk__imatrix_products(size_t n_channels, size_t group) {
    if (group == 0) return 0;
    return n_channels / group * rk__triangle(group) + rk__triangle(n_channels % group);
}

size_t rk__imatrix_products_of(size_t group, size_t i) {
    return i / group * rk__triangle(group) + rk__triangle(i % group);
}

float rk_imatrix_product(const rk_imatrix_entry *entry, size_t i, size_t j) {
    assert(i < entry->n_channels && j < entry->n_channels && i / entry->group == j / entry->group);
    const size_t later = i > j ? i : j, earlier = i > j ? j : i;
    return entry->moments[rk__imatrix_products_of(entry->group, later) + earlier % entry->group];
}

// ---- records

rk__imatrix_record *rk__imatrix_record_of(const rk_imatrix *imatrix, const char *name,
                                          size_t length) {
    for (size_t i = 0; i < imatrix->n_records; i++) {
        const char *other = imatrix->records[i].name;
        if (strlen(other) == length && memcmp(other, name, length) == 0) {
            return &imatrix->records[i];
        }
    }
    return NULL;
}

bool rk_imatrix_find(const rk_imatrix *imatrix, const char *name, rk_imatrix_entry *out) {
    const rk__imatrix_record *record = rk__imatrix_record_of(imatrix, name, strlen(name));
    if (record == NULL) return false;
    *out = entry_of(record);
    return true;
}

static rk_status record_init(rk__imatrix_record *record, const char *name, size_t length,
                             size_t n_channels, size_t group, rk_error *err) {
    *record = (rk__imatrix_record){.n_channels = n_channels, .group = group};
    RK_TRY(rk__copy_string(&record->name, name, length, err));
    RK_TRY(rk__alloc((void **)&record->mean_squares, n_channels, sizeof(float), err));
    if (group == 0) return RK_OK;
    size_t n; // more than are needed, and no overflow
    if (!rk_size_mul(&n, n_channels, group)) return rk__fail_memory(err, SIZE_MAX);
    n = rk__imatrix_products(n_channels, group);
    return rk__alloc((void **)&record->moments, n, sizeof(float), err);
}

rk_status rk__imatrix_add(rk_imatrix *imatrix, const char *name, size_t length, size_t n_channels,
                          size_t group, rk__imatrix_record **out, rk_error *err) {
    RK_TRY(rk__grow((void **)&imatrix->records, &imatrix->capacity, imatrix->n_records + 1,
                    sizeof imatrix->records[0], err));
    rk__imatrix_record *record = &imatrix->records[imatrix->n_records];
    const rk_status status = record_init(record, name, length, n_channels, group, err);
    if (status != RK_OK) {
        record_fini(record);
        return status;
    }
    imatrix->n_records++;
    *out = record;
    return RK_OK;
}

// ---- merging

rk__imatrix_shares rk__imatrix_count_tokens(rk__imatrix_record *record, uint64_t n_tokens) {
    const double before = (double)record->n_tokens;
    const uint64_t room = UINT64_MAX - record->n_tokens;
    record->n_tokens += n_tokens < room ? n_tokens : room;
    const double total = before + (double)n_tokens;
    if (!(total > 0.0)) return (rk__imatrix_shares){1.0, 0.0};
    return (rk__imatrix_shares){before / total, 1.0 / total};
}

static rk_status check_partners(const rk__imatrix_record *a, const rk__imatrix_record *b,
                                rk_error *err) {
    if (a->n_channels != b->n_channels) {
        return rk__fail(err, RK_ERR_MISMATCH, "%s has %zu channels in one, %zu in the other",
                        a->name, a->n_channels, b->n_channels);
    }
    if (a->group != b->group) {
        return rk__fail(err, RK_ERR_MISMATCH,
                        "%s has the products of groups of %zu channels in one, %zu in the other "
                        "(0: none)",
                        a->name, a->group, b->group);
    }
    return RK_OK;
}

static void mix(float *into, const float *from, size_t n, double share_into, double share_from) {
    for (size_t i = 0; i < n; i++) {
        into[i] = (float)(share_into * (double)into[i] + share_from * (double)from[i]);
    }
}

static void merge_record(rk__imatrix_record *into, const rk__imatrix_record *from) {
    const rk__imatrix_shares shares = rk__imatrix_count_tokens(into, from->n_tokens);
    const double share = shares.each * (double)from->n_tokens;
    mix(into->mean_squares, from->mean_squares, into->n_channels, shares.old, share);
    if (into->group == 0) return;
    const size_t n_products = rk__imatrix_products(into->n_channels, into->group);
    mix(into->moments, from->moments, n_products, shares.old, share);
}

rk_status rk_imatrix_merge(rk_imatrix *into, const rk_imatrix *from, rk_error *err) {
    for (size_t i = 0; i < from->n_records; i++) {
        const rk__imatrix_record *record = &from->records[i];
        const rk__imatrix_record *partner =
            rk__imatrix_record_of(into, record->name, strlen(record->name));
        if (partner != NULL) RK_TRY(check_partners(partner, record, err));
    }
    const size_t n_before = into->n_records;
    rk_status status = RK_OK;
    for (size_t i = 0; i < from->n_records && status == RK_OK; i++) { // makes room, changes nothing
        const rk__imatrix_record *record = &from->records[i];
        const size_t length = strlen(record->name);
        rk__imatrix_record *added;
        if (rk__imatrix_record_of(into, record->name, length) != NULL) continue;
        status = rk__imatrix_add(into, record->name, length, record->n_channels, record->group,
                                 &added, err);
    }
    if (status != RK_OK) {
        while (into->n_records > n_before) record_fini(&into->records[--into->n_records]);
        return status;
    }
    for (size_t i = 0; i < from->n_records; i++) {
        const rk__imatrix_record *record = &from->records[i];
        merge_record(rk__imatrix_record_of(into, record->name, strlen(record->name)), record);
    }
    return RK_OK;
}
