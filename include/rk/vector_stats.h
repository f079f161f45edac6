// Statistics of vectors: mean and deviation of each column, collected in one pass over any number
// of rows and kept in a file, so that vectors can be normalised by what was seen elsewhere. The
// channels of a state differ in range by orders of magnitude; whatever compares or learns from
// vectors wants them alike.
#ifndef RK_VECTOR_STATS_H
#define RK_VECTOR_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// For one thread at a time, while rows are added; then any number may read one.
typedef struct rk_vector_stats rk_vector_stats;

// Of no rows yet. n_columns is at least 1. *out is owned by the caller, NULL on failure. Freeing
// accepts NULL and makes *stats NULL.
rk_status rk_vector_stats_new(rk_vector_stats **out, size_t n_columns, rk_error *err);
void rk_vector_stats_free(rk_vector_stats **stats);

// Channels of a vector, and rows seen so far.
size_t rk_vector_stats_columns(const rk_vector_stats *stats);
uint64_t rk_vector_stats_count(const rk_vector_stats *stats);

// Takes in row[n_columns], all values finite.
void rk_vector_stats_add(rk_vector_stats *stats, const float *row);

// Takes in all rows that `from` has seen, as if they had been added here. ERR_SHAPE for another
// number of columns.
rk_status rk_vector_stats_merge(rk_vector_stats *stats, const rk_vector_stats *from, rk_error *err);

// Of one channel over all rows seen; 0 before there is one.
double rk_vector_stats_mean(const rk_vector_stats *stats, size_t column);
// The square root of the unbiased variance; 0 for fewer than two rows.
double rk_vector_stats_deviation(const rk_vector_stats *stats, size_t column);

// row[i] = (row[i] - mean) / deviation. A column that never changed (its deviation is at most a
// millionth of its mean: rounding) becomes 0.
void rk_vector_stats_normalise(const rk_vector_stats *stats, float *row);

// Writes the statistics; the file appears whole or not at all. `key` is one line that says which
// vectors they are of (rk_embedder_describe).
rk_status rk_vector_stats_save(const rk_vector_stats *stats, const char *key, const char *path,
                               rk_error *err);

// Reads a file back. Refused: another key or number of columns (ERR_MISMATCH, with both), a wrong
// length or checksum (ERR_FORMAT), values that no statistics have (ERR_RANGE). *out as above.
rk_status rk_vector_stats_open(rk_vector_stats **out, const char *path, const char *key,
                               size_t n_columns, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
