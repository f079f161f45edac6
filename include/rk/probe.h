// Linear probes: what can be read off vectors by one weighted sum for each class.
//
// A probe is a ridge classifier: for each class the weights that bring the sum closest to +1 for
// rows of the class and to -1 for others, in the least squares, with a penalty on their length.
#ifndef RK_PROBE_H
#define RK_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rk/error.h"
#include "rk/progress.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Constant after it is made: any number of threads may use one.
typedef struct rk_probe rk_probe;

// Rows with their labels. All borrowed.
typedef struct rk_probe_data {
    const float *rows; // [n_rows][n_columns], finite
    size_t n_rows, n_columns;
    const size_t *labels;       // [n_rows], each < n_classes
    const char *const *classes; // [n_classes], distinct UTF-8 texts
    size_t n_classes;           // at least 2, each with a row
} rk_probe_data;

enum { RK_PROBE_FOLDS = 5, RK_PROBE_STRENGTHS = 9 };

// How good a probe is on rows that it has not seen. The rows are dealt into RK_PROBE_FOLDS folds,
// class by class. Each fold is predicted by probes fitted on the others, whose strength was chosen
// by cross-validation among these others: the fold played no part in it.
typedef struct rk_probe_report {
    size_t n_rows;
    double accuracy;       // share of the rows that were predicted right
    double standard_error; // of it: sqrt(a (1 - a) / n_rows)
    double most_common;    // share of the largest class: what guessing reaches
    double strength;       // of the probe that was fitted on all rows
    // The strengths tried, and the accuracy of each in the folds (without the second level).
    double strengths[RK_PROBE_STRENGTHS], accuracies[RK_PROBE_STRENGTHS];
} rk_probe_report;

// Fits a probe. The penalty is strength x the mean squared length of the rows around their mean;
// the strength is chosen by cross-validation. `seed` deals the folds. progress may be NULL and
// counts steps. At least 2 x RK_PROBE_FOLDS rows (ERR_ARGUMENT). Takes memory for at most
// (2 + RK_PROBE_FOLDS) x n x n doubles, n being the smaller one of rows and columns. *out is owned
// by the caller, NULL on failure. Freeing accepts NULL and makes *probe NULL.
rk_status rk_probe_fit(rk_probe **out, const rk_probe_data *data, uint64_t seed,
                       const rk_progress *progress, rk_probe_report *report, rk_error *err);
void rk_probe_free(rk_probe **probe);

// Values of a vector, and the classes in the order of their scores.
size_t rk_probe_columns(const rk_probe *probe);
size_t rk_probe_classes(const rk_probe *probe);
const char *rk_probe_class(const rk_probe *probe, size_t index); // lives as long as the probe

// How good it was when it was fitted; only the numbers in front of the arrays are kept in files.
const rk_probe_report *rk_probe_quality(const rk_probe *probe);

// The class of row[n_columns]. *score, which may be NULL, gets the lead over the second best class:
// about 2 for a clear case, 0 for a tie.
size_t rk_probe_predict(const rk_probe *probe, const float *row, double *score);

// Most weights that a file can hold: columns x classes (x 1 for two classes).
enum { RK_PROBE_MOST_WEIGHTS = 250000 };

// Writes a JSON file (docs/formats.md); it appears whole or not at all. `key` says in one line
// which vectors it reads (rk_embedder_describe). ERR_UNSUPPORTED with too many weights.
rk_status rk_probe_save(const rk_probe *probe, const char *key, const char *path, rk_error *err);

// Reads such a file. Refused: another key or number of columns (ERR_MISMATCH, with both), and
// whatever is not as it should be. *out as above.
rk_status rk_probe_open(rk_probe **out, const char *path, const char *key, size_t n_columns,
                        rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
