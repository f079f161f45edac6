// What merging did to each tensor.
#ifndef MERGE_REPORT_H
#define MERGE_REPORT_H

#include "cli/conversion.h"

// A line for every tensor that an adapter changed, and the totals, on stdout.
void print_merge_report(const cli_conversion *conversion);

#endif
