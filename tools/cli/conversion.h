// What the converting programs share: a whole-file job with a progress line, its record and its
// report.
#ifndef CLI_CONVERSION_H
#define CLI_CONVERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "rk/convert.h"

// Something in an adapter that was passed over.
typedef struct cli_passed_over {
    char *adapter, *what; // owned
} cli_passed_over;

typedef struct cli_conversion {
    // What the caller fills in. Texts are borrowed.
    const char *label; // stands in the progress line: "converting"
    const char *input, *output;
    bool measured; // record every tensor, with its rounding errors, which takes time

    // What has been done, or, when `planned`, would be.
    bool planned;
    const char *state_output;   // borrowed: the file that the tuned initial state went to, or NULL
    const rk_adapter *adapters; // borrowed from the job
    size_t n_adapters;
    bool subtracted;
    cli_passed_over *passed_over; // [n_passed_over], owned
    size_t n_passed_over;
    rk_convert_tensor *tensors; // [n_tensors], in the order of the output; names, parts owned
    size_t n_tensors;           // 0 when not measured
    char **unused;              // [n_unused], owned: names of tensors that the model does not use
    size_t n_unused;
    rk_convert_result result;
} cli_conversion;

// Runs rk_convert with the options given; pool, progress and report are set here. Returns an exit
// code; failures have been reported, and the record is empty then.
int cli_convert(cli_conversion *conversion, const rk_convert_options *options,
                const cli_common *common);

// The same without doing it (rk_convert_plan): `tensors` is filled where measured is set.
int cli_plan_conversion(cli_conversion *conversion, const rk_convert_options *options,
                        const cli_common *common);

void cli_conversion_free(cli_conversion *conversion);

#endif
