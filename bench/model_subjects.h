// What bench_model measures of a loaded model.
#ifndef BENCH_MODEL_SUBJECTS_H
#define BENCH_MODEL_SUBJECTS_H

#include "bench_report.h"
#include "count_list.h"
#include "machine_limits.h"
#include "model_work.h"
#include "product_work.h"

// What can be measured, in the order of measuring.
typedef enum subject {
    SUBJECT_LOAD,
    SUBJECT_MEMORY,
    SUBJECT_DECODE,
    SUBJECT_BATCH,
    SUBJECT_PREFILL,
    SUBJECT_SCALING,
    SUBJECT_ZEROS,
    SUBJECT_COUNT
} subject;

typedef struct subjects {
    bool wanted[SUBJECT_COUNT];
} subjects;

// What is to be measured, and how.
typedef struct session {
    subjects subjects;
    bench_counts tokens, states; // of the prefill; of the batches
    bool all_logits;
    size_t position;       // 0: not measured
    size_t streamed_bytes; // of a product's weights
    const bench_plan *plan, *limit_plan;
    bench_report *report;
    rk__kernels kernels;
    char name[32]; // of the model, for the report
    const model_origin *origin;
    rk_model *model; // borrowed
    rk_pool *pool;   // borrowed
} session;

// Adds a row to the report for everything that is wanted.
void measure_subjects(session *s);

#endif
