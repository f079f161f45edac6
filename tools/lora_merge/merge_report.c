// What merging did to each tensor.
#include "lora_merge/merge_report.h"

#include <stdio.h>

#include "cli/conversion_report.h"
#include "cli/table.h"

static void add_row(cli_table *table, const rk_convert_tensor *tensor) {
    char shape[RK_SHAPE_TEXT];
    cli_table_add(table, "%s", tensor->name);
    cli_table_add(table, "%s", rk_shape_format(shape, &tensor->shape));
    cli_table_add(table, "%s", rk_dtype_describe(tensor->to)->name);
    if (tensor->replaced) {
        cli_table_add(table, "replaced");
    } else {
        cli_table_add(table, "rank %zu", tensor->lora_rank);
    }
    cli_table_add(table, "%.3g", tensor->rms_change);
    if (tensor->rms_value > 0.0) { // of the merged tensor
        cli_table_add(table, "%.2f %%", 100.0 * tensor->rms_change / tensor->rms_value);
    } else {
        cli_table_add(table, "-");
    }
}

void print_merge_report(const cli_conversion *conversion) {
    static const cli_column columns[] = {
        {"tensor", false}, {"shape", false},     {"type", false},
        {"change", false}, {"RMS change", true}, {"of the values", true},
    };
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    size_t n_products = 0, n_replaced = 0;
    for (size_t i = 0; i < conversion->n_tensors; i++) {
        const rk_convert_tensor *tensor = &conversion->tensors[i];
        if (tensor->lora_rank == 0 && !tensor->replaced) continue;
        add_row(&table, tensor);
        n_products += tensor->replaced ? 0 : 1;
        n_replaced += tensor->replaced ? 1 : 0;
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    printf("\n%zu tensors changed by products, %zu replaced, %zu as they were\n", n_products,
           n_replaced, conversion->n_tensors - n_products - n_replaced);
    cli_conversion_summary(stdout, conversion);
}
