// Mean and deviation of columns in one pass, as eval/moments.h does it for one number: each row
// moves the means by its share, and nothing large is subtracted from something large.
#include "eval/vector_stats_internal.h"

#include <math.h>

#include "base/memory.h"

rk_status rk_vector_stats_new(rk_vector_stats **out, size_t n_columns, rk_error *err) {
    rk_vector_stats *s = NULL;
    rk_status status = RK_OK;
    if (n_columns == 0) {
        status = rk__fail(err, RK_ERR_ARGUMENT, "statistics of no columns");
        goto out;
    }
    status = rk__alloc((void **)&s, 1, sizeof *s, err);
    if (status != RK_OK) goto out;
    s->n_columns = n_columns;
    status = rk__alloc((void **)&s->mean, n_columns, sizeof *s->mean, err);
    if (status == RK_OK) {
        status = rk__alloc((void **)&s->squares, n_columns, sizeof *s->squares, err);
    }
out:
    if (status != RK_OK) rk_vector_stats_free(&s);
    *out = s;
    return status;
}

void rk_vector_stats_free(rk_vector_stats **stats) {
    if (*stats == NULL) return;
    rk__free((*stats)->mean);
    rk__free((*stats)->squares);
    rk__free(*stats);
    *stats = NULL;
}

size_t rk_vector_stats_columns(const rk_vector_stats *stats) {
    return stats->n_columns;
}

uint64_t rk_vector_stats_count(const rk_vector_stats *stats) {
    return stats->count;
}

void rk_vector_stats_add(rk_vector_stats *stats, const float *row) {
    stats->count++;
    const double share = 1.0 / (double)stats->count;
    for (size_t i = 0; i < stats->n_columns; i++) {
        const double before = (double)row[i] - stats->mean[i];
        stats->mean[i] += before * share;
        stats->squares[i] += before * ((double)row[i] - stats->mean[i]);
    }
}

// Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample
// variances", 1979.
rk_status rk_vector_stats_merge(rk_vector_stats *stats, const rk_vector_stats *from,
                                rk_error *err) {
    if (from->n_columns != stats->n_columns) {
        return rk__fail(err, RK_ERR_SHAPE, "statistics of %zu columns, for those of %zu",
                        from->n_columns, stats->n_columns);
    }
    if (from->count == 0) return RK_OK;
    const double here = (double)stats->count, there = (double)from->count;
    stats->count += from->count;
    const double share = there / (double)stats->count;
    for (size_t i = 0; i < stats->n_columns; i++) {
        const double apart = from->mean[i] - stats->mean[i];
        stats->mean[i] += apart * share;
        stats->squares[i] += from->squares[i] + apart * apart * here * share;
    }
    return RK_OK;
}

double rk_vector_stats_mean(const rk_vector_stats *stats, size_t column) {
    return stats->mean[column];
}

double rk_vector_stats_deviation(const rk_vector_stats *stats, size_t column) {
    if (stats->count < 2) return 0;
    return sqrt(stats->squares[column] / (double)(stats->count - 1));
}

void rk_vector_stats_normalise(const rk_vector_stats *stats, float *row) {
    for (size_t i = 0; i < stats->n_columns; i++) {
        const double deviation = rk_vector_stats_deviation(stats, i);
        const bool varies = deviation > 1e-6 * fabs(stats->mean[i]);
        row[i] = varies ? (float)(((double)row[i] - stats->mean[i]) / deviation) : 0;
    }
}
