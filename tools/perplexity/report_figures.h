// The pictures of a report.
#ifndef REPORT_FIGURES_H
#define REPORT_FIGURES_H

#include "perplexity/gnuplot.h"
#include "perplexity/result_record.h"

typedef struct report_figure {
    const char *title;
    char *caption; // owned
    char *svg;     // owned: an element
} report_figure;

enum { REPORT_MAX_FIGURES = 6 };

typedef struct report_figures {
    report_figure items[REPORT_MAX_FIGURES];
    size_t count;
    gnuplot_result result; // other than GNUPLOT_DONE: why some or all are not there
} report_figures;

// Draws those for which the record has figures. All zeros can be released.
void report_figures_draw(report_figures *out, const record *r);
void report_figures_free(report_figures *figures);

#endif
