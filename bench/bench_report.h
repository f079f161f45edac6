// What the programs of this folder print: for every measurement the speed, the limit of the same
// run, and the ratio, as a table or, with --json, as one object.
#ifndef BENCH_BENCH_REPORT_H
#define BENCH_BENCH_REPORT_H

#include <stdbool.h>

#include "comparison.h"

typedef struct bench_row {
    char what[64];     // "Q4_0 2048 x 8192, 1 token"
    size_t threads;    // that both sides had
    const char *limit; // "read"; NULL: `comparison.rate` alone is known
    const char *unit;  // "GB/s"
    double unit_size;  // of the amounts in it: 1e9
    bench_comparison comparison;
} bench_row;

typedef struct bench_report {
    const char *program;
    bench_row *rows; // [n_rows], owned
    size_t n_rows;
} bench_report;

// Copies the row.
void bench_report_add(bench_report *report, const bench_row *row);

// Prints everything on stdout and releases it.
void bench_report_finish(bench_report *report, bool json);

#endif
