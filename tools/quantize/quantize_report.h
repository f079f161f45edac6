// What quantizing did to each tensor.
#ifndef QUANTIZE_REPORT_H
#define QUANTIZE_REPORT_H

#include "cli/conversion.h"

// A line for every tensor, and the totals, on stdout.
void print_quantize_report(const cli_conversion *conversion, const char *format);

#endif
