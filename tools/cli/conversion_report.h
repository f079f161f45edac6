// What a conversion did, in words and as JSON.
#ifndef CLI_CONVERSION_REPORT_H
#define CLI_CONVERSION_REPORT_H

#include <stdio.h>

#include "cli/conversion.h"

// A line, "m.bin: 96 tensors, 2505792 parameters, 4.78 MiB -> 1.52 MiB, 5.08 bits per weight", and
// one more for each kind of thing that was left out.
void cli_conversion_summary(FILE *out, const cli_conversion *conversion);

// What was planned, for people: the model, the size of the output and the memory it takes. `format`
// is the name of the output's type.
void cli_conversion_prediction(FILE *out, const cli_conversion *conversion, const char *format);

// The root mean square of the rounding errors as a share of the values'; 0 where nothing was
// rounded.
double cli_relative_error(const rk_convert_tensor *tensor);

// How far the values stand above the rounding errors, in decibels: 20 log10 of the ratio of their
// root mean squares. The tensor has errors.
double cli_signal_to_noise(const rk_convert_tensor *tensor);

// The root mean square of what adapters changed, as a share of the values' before; NaN where those
// were all zero.
double cli_relative_change(const rk_convert_tensor *tensor);

// One JSON object on stdout. `format` is what the user asked for, or NULL.
void cli_conversion_json(const cli_conversion *conversion, const char *format);

#endif
