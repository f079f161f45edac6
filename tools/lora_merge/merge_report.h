// What merging did to each tensor.
#ifndef MERGE_REPORT_H
#define MERGE_REPORT_H

#include "cli/conversion.h"

// A line for every tensor that an adapter changed, or would change, and the totals, on stdout.
// `format` is the type that the user asked for, or NULL.
void print_merge_report(const cli_conversion *conversion, const char *format);

#endif
