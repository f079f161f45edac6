// Having gnuplot draw.
#ifndef PERPLEXITY_GNUPLOT_H
#define PERPLEXITY_GNUPLOT_H

#include <stddef.h>

typedef enum gnuplot_result {
    GNUPLOT_DONE,
    GNUPLOT_MISSING, // it is not installed
    GNUPLOT_FAILED,  // it could not be run, took too long, or drew nothing
} gnuplot_result;

// Runs a script that draws on gnuplot's standard output, without a shell and without the user's
// settings. gnuplot's language can run commands: no text of others may be part of the script.
// *drawing is terminated; release: free. It is NULL unless the result is GNUPLOT_DONE.
gnuplot_result gnuplot_draw(char **drawing, const char *script);

#endif
