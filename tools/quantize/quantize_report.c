// What quantizing did to each tensor.
#include "quantize/quantize_report.h"

#include <stdio.h>

#include "cli/conversion_report.h"
#include "cli/sizes.h"
#include "cli/table.h"

static void add_row(cli_table *table, const rk_convert_tensor *tensor) {
    char shape[RK_SHAPE_TEXT], size[CLI_SIZE_TEXT];
    cli_table_add(table, "%s", tensor->name);
    cli_table_add(table, "%s", rk_shape_format(shape, &tensor->shape));
    cli_table_add(table, "%s", rk_dtype_describe(tensor->from)->name);
    cli_table_add(table, "%s", rk_dtype_describe(tensor->to)->name);
    cli_table_add(table, "%s", cli_size_format(size, (double)tensor->bytes));
    if (tensor->rms_error > 0.0) {
        cli_table_add(table, "%.3g", tensor->rms_error);
        cli_table_add(table, "%.3f %%", 100.0 * cli_relative_error(tensor));
    } else {
        cli_table_add(table, "0");
        cli_table_add(table, "exact");
    }
}

void print_quantize_report(const cli_conversion *conversion) {
    static const cli_column columns[] = {
        {"tensor", false}, {"shape", false},    {"from", false},         {"to", false},
        {"size", true},    {"RMS error", true}, {"of the values", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < conversion->n_tensors; i++) add_row(&table, &conversion->tensors[i]);
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    putchar('\n');
    cli_conversion_summary(stdout, conversion);
}
