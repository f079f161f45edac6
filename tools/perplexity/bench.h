// A model with everything that measuring it takes.
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/strategy_options.h"
#include "rk/model.h"

// Tokens computed together at most.
enum { BENCH_CHUNK = 256 };

// All zeros: nothing opened. Closing accepts that, and what a failure left.
typedef struct bench {
    rk_model *model;
    rk_context *context;
} bench;

// Loads a model to where the strategy says; a progress line tells how far it is unless `quiet`.
rk_status bench_open(bench *b, const char *model, const cli_strategy *strategy, rk_pool *pool,
                     bool quiet, rk_error *err);
void bench_close(bench *b);

#endif
