// Importance matrices as their makers and readers see them.
#ifndef RK_CONVERT_IMATRIX_RECORD_H
#define RK_CONVERT_IMATRIX_RECORD_H

#include "base/error_internal.h"
#include "rk/imatrix.h"

// An entry that can be filled: rk_imatrix_entry without the const.
typedef struct rk__imatrix_record {
    char *name; // owned, as the arrays
    size_t n_channels, group;
    uint64_t n_tokens;
    float *mean_squares;
    float *moments; // [rk__imatrix_products(n_channels, group)]
} rk__imatrix_record;

struct rk_imatrix {
    rk__imatrix_record *records; // [n_records], owned
    size_t n_records, capacity;
};

// Adds a matrix of which nothing has been seen; group 0: without moments. *out lives until the next
// one is added. The name must be new.
rk_status rk__imatrix_add(rk_imatrix *imatrix, const char *name, size_t length, size_t n_channels,
                          size_t group, rk__imatrix_record **out, rk_error *err);

// How many products of channels a matrix has, and where those of channel i with channels of its
// group begin: with the first one.
size_t rk__imatrix_products(size_t n_channels, size_t group);
size_t rk__imatrix_products_of(size_t group, size_t i);

// The record of a matrix, or NULL.
rk__imatrix_record *rk__imatrix_record_of(const rk_imatrix *imatrix, const char *name,
                                          size_t length);

// Brings means of what the record has seen and of `n_tokens` more together: `old` becomes the share
// that is left to what it has; the rest is what each of the new tokens weighs. Counts them.
typedef struct rk__imatrix_shares {
    double old, each;
} rk__imatrix_shares;
rk__imatrix_shares rk__imatrix_count_tokens(rk__imatrix_record *record, uint64_t n_tokens);

#endif
