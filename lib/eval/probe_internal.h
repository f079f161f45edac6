// What the files of the probe share.
#ifndef RK_PROBE_INTERNAL_H
#define RK_PROBE_INTERNAL_H

#include "rk/probe.h"

// A row's sum for target t is weights[t] . row + bias[t]. Two classes share one target, which is
// positive for the second; otherwise each class has its own.
struct rk_probe {
    size_t n_columns, n_classes, n_targets;
    float *weights; // [n_targets][n_columns], owned
    double *bias;   // [n_targets], owned
    char **classes; // [n_classes], owned, each too
    rk_probe_report quality;
};

// A probe of zeros whose classes are copies. n_classes is at least 2. *out is NULL on failure.
rk_status rk__probe_new(rk_probe **out, size_t n_columns, const char *const *classes,
                        size_t n_classes, rk_error *err);

// Targets for a number of classes.
size_t rk__probe_targets(size_t n_classes);

// The class that sums[n_targets] speak for; *score as by rk_probe_predict.
size_t rk__probe_decide(const double *sums, size_t n_classes, double *score);

#endif
