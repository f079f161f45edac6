// A picture: points of several series over one pair of axes, as SVG to stand inside a page.
#ifndef PERPLEXITY_FIGURE_H
#define PERPLEXITY_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "perplexity/gnuplot.h"

typedef struct figure_point {
    double x, y;
    double low, high; // of the bar; low == high: none
} figure_point;

typedef struct figure_series {
    const char *label;          // any text
    const figure_point *points; // [n_points]; what is not finite is left out
    size_t n_points;
    size_t number; // decides on the colour, so that it is the same in all pictures of a page
} figure_series;

// A place on the x axis and what stands there: letters, digits, blanks, points, and %% for a %.
typedef struct figure_tick {
    double at;
    const char *label;
} figure_tick;

typedef struct figure {
    const char *x_title, *y_title; // as ticks' labels
    bool log_x, log_y;
    bool lines;               // between the points of a series
    bool from_zero;           // of the y axis
    bool aside;               // points of one x stand side by side, for the sake of their bars
    const figure_tick *ticks; // [n_ticks]; none: gnuplot chooses
    size_t n_ticks;
    const figure_series *series; // [n_series]
    size_t n_series;
} figure;

// Draws it as an <svg> element for HTML that takes its colours from the page: the text's, and the
// variables --s1 ... --s8, --grid and --paper. `id` is a word that sets the names inside apart from
// those of other pictures. *svg is as gnuplot_draw's.
gnuplot_result figure_draw(char **svg, const figure *f, const char *id);

#endif
