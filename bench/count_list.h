// Lists of counts on command lines: "1,2,4".
#ifndef BENCH_COUNT_LIST_H
#define BENCH_COUNT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

enum { BENCH_MAX_COUNTS = 32, BENCH_MOST_COUNT = 4096 };

typedef struct bench_counts {
    size_t items[BENCH_MAX_COUNTS]; // each from 1 to BENCH_MOST_COUNT
    size_t count;
} bench_counts;

// For options of the kind CLI_CUSTOM; `out` is a bench_counts.
bool bench_parse_counts(void *out, const char *text, char reason[CLI_REASON]);

#endif
