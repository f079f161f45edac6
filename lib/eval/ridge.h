// Ridge regression on sets of folds: the sums that every fit needs are made once, and each set of
// folds costs one linear system.
//
// With more rows than columns the system is that of the columns (normal equations), otherwise that
// of the rows (the dual problem): the smaller one. Rows are taken relative to the mean of all of
// them, so that nothing large cancels.
#ifndef RK_RIDGE_H
#define RK_RIDGE_H

#include "rk/probe.h"

// A set of folds: bit f is fold f.
typedef unsigned rk__folds;
enum { RK__ALL_FOLDS = (1u << RK_PROBE_FOLDS) - 1 };

// What is known of the data.
typedef struct rk__ridge {
    const rk_probe_data *data; // borrowed
    const uint8_t *fold;       // [n_rows], borrowed: the fold of each row
    bool dual;                 // the system is that of the rows
    size_t n;                  // its size for all rows: columns, or rows
    size_t n_targets;
    double *mean;     // [n_columns], of all rows
    double *gram;     // [folds][n][n] products of columns; dual: [n][n] of rows. Lower triangles
    double *sums;     // [folds][n], of columns; not in the dual
    double *products; // [folds][n_targets][n], of columns and targets; not in the dual
    double *panel;    // rows or columns as float64, on their way
} rk__ridge;

// Makes the sums. Release with rk__ridge_fini, also after a failure.
rk_status rk__ridge_init(rk__ridge *ridge, const rk_probe_data *data, const uint8_t *fold,
                         rk_error *err);
void rk__ridge_fini(rk__ridge *ridge);

// The fits on one set of folds, one for each strength; memory for any set.
typedef struct rk__ridge_fit {
    size_t n, n_solutions;           // of the system; strengths x targets
    double *system;                  // [n][n]
    double *factor;                  // [n][n]
    double *right;                   // [n_targets][n]
    double *solutions;               // [strength][target][n]
    double *offsets;                 // [strength][target]
    double *centre;                  // [n]: what solutions are relative to
    size_t *members;                 // [n_rows]: the rows, in the dual
    bool usable[RK_PROBE_STRENGTHS]; // false where rounding made the system singular
} rk__ridge_fit;

rk_status rk__ridge_fit_init(rk__ridge_fit *fit, const rk__ridge *ridge, rk_error *err);
void rk__ridge_fit_fini(rk__ridge_fit *fit);

// Fits on the rows of these folds, with the first n_strengths strengths.
void rk__ridge_solve(rk__ridge_fit *fit, const rk__ridge *ridge, rk__folds folds,
                     const double *strengths, size_t n_strengths);

// How many rows of a fold each strength's fit predicts right: correct[n_strengths], 0 where it is
// not usable. sums needs room for RK__RIDGE_ROWS x n_strengths x n_targets numbers.
enum { RK__RIDGE_ROWS = 128 };
void rk__ridge_count(size_t *correct, const rk__ridge_fit *fit, const rk__ridge *ridge, size_t fold,
                     size_t n_strengths, double *features, double *sums);

// The weights and bias of the first strength's fit, for rows as they are in the data.
void rk__ridge_weights(float *weights, double *bias, const rk__ridge_fit *fit,
                       const rk__ridge *ridge);

#endif
