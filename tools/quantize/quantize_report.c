// What quantizing did to each tensor.
#include "quantize/quantize_report.h"

#include <stdio.h>

#include "cli/conversion_report.h"
#include "cli/sizes.h"
#include "cli/table.h"

static void add_what(cli_table *table, const rk_convert_tensor *tensor) {
    char shape[RK_SHAPE_TEXT], size[CLI_SIZE_TEXT];
    cli_table_add(table, "%s", tensor->name);
    cli_table_add(table, "%s", rk_shape_format(shape, &tensor->shape));
    cli_table_add(table, "%s", rk_dtype_describe(tensor->from)->name);
    cli_table_add(table, "%s", rk_dtype_describe(tensor->to)->name);
    cli_table_add(table, "%s", cli_size_format(size, (double)tensor->bytes));
}

static void add_errors(cli_table *table, const rk_convert_tensor *tensor) {
    if (tensor->rms_error > 0.0) {
        cli_table_add(table, "%.3g", tensor->rms_error);
        cli_table_add(table, "%.2f dB", cli_signal_to_noise(tensor));
    } else {
        cli_table_add(table, "0");
        cli_table_add(table, "exact");
    }
}

// All values rounded to zeros: the error is as large as they were.
static bool is_lost(const rk_convert_tensor *tensor) {
    return tensor->rms_error > 0.0 && tensor->rms_error >= tensor->rms_value;
}

static void print_lost(const cli_conversion *conversion) {
    for (size_t i = 0; i < conversion->n_tensors; i++) {
        if (!is_lost(&conversion->tensors[i])) continue;
        printf("lost: %s; its values are too small for the steps of %s\n",
               conversion->tensors[i].name, rk_dtype_describe(conversion->tensors[i].to)->name);
    }
}

void print_quantize_report(const cli_conversion *conversion, const char *format) {
    static const cli_column columns[] = {
        {"tensor", false}, {"shape", false},    {"from", false}, {"to", false},
        {"size", true},    {"RMS error", true}, {"SNR", true},
    };
    const size_t n_errors = 2;
    const size_t n_columns = sizeof columns / sizeof columns[0];
    cli_table table;
    cli_table_init(&table, columns, conversion->planned ? n_columns - n_errors : n_columns);
    for (size_t i = 0; i < conversion->n_tensors; i++) {
        add_what(&table, &conversion->tensors[i]);
        if (!conversion->planned) add_errors(&table, &conversion->tensors[i]);
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    putchar('\n');
    if (conversion->planned) {
        cli_conversion_prediction(stdout, conversion, format);
    } else {
        cli_conversion_summary(stdout, conversion);
        print_lost(conversion);
    }
}
