// What vector_stats.c and vector_stats_file.c share.
#ifndef RK_VECTOR_STATS_INTERNAL_H
#define RK_VECTOR_STATS_INTERNAL_H

#include "rk/vector_stats.h"

struct rk_vector_stats {
    size_t n_columns;
    uint64_t count;
    double *mean;    // [n_columns], owned
    double *squares; // [n_columns], owned: sums of squared deviations from the mean
};

#endif
