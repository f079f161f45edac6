// Measuring one model in one type.
#ifndef MEASURE_H
#define MEASURE_H

#include "cli/options.h"
#include "perplexity/bench.h"
#include "perplexity/corpus.h"
#include "perplexity/perplexity_settings.h"
#include "perplexity/result_record.h"
#include "perplexity/task_items.h"
#include "rk/logits_file.h"

// What models are compared with: one that is loaded, or saved logits. All zeros: nothing.
typedef struct comparison_base {
    const char *path;
    bench bench; // of a model
    corpus_tokens tokens;
    rk_logits_reader *saved;
} comparison_base;

// What is to be measured. Everything is borrowed.
typedef struct measure_job {
    const char *model;
    cli_strategy strategy;
    const perplexity_settings *settings;
    const cli_common *common;
    const corpus *corpus;        // or NULL
    const task_items *task;      // or NULL
    const char *protocol;        // in words
    const comparison_base *base; // or NULL
    rk_pool *pool;
} measure_job;

// What is needed beyond the result itself to compare with others prediction by prediction.
typedef struct measured_pairs {
    double *divergences; // [n], owned
    size_t n;
} measured_pairs;

// Loads the model, scores the text, beside the base where there is one, or the task, then times it.
// Of `out`, model and requested are set already. Returns an exit code; failures have been reported.
int measure(result *out, const measure_job *job, measured_pairs *pairs);

// The tokenizer of a model; for token files it may be missing (NULL).
rk_status open_tokenizer(rk_tokenizer **out, const bench *b, const corpus *c, const char *chosen,
                         rk_error *err);

#endif
