// The results of perplexity, as a table and as JSON.
#ifndef PERPLEXITY_REPORT_H
#define PERPLEXITY_REPORT_H

#include "perplexity/measure.h"

typedef struct perplexity_report {
    const cli_text *text;
    size_t n_threads;
    measurement *results; // [n_results]
    size_t n_results;
} perplexity_report;

void report_print_table(const perplexity_report *report);
void report_print_json(const perplexity_report *report);

#endif
