// What merging did to each tensor.
#include "lora_merge/merge_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/conversion_report.h"
#include "cli/table.h"

// "LoRA rank 8 x 2", "replacement".
static void describe_part(char *text, size_t size, const rk_merge_part *part) {
    const char *kind = rk_merge_kind_name(part->kind);
    const size_t used = strlen(text);
    const char *before = used == 0 ? "" : " + ";
    if (part->kind != RK_MERGE_REPLACEMENT) {
        snprintf(text + used, size - used, "%s%s rank %zu x %.4g", before, kind, part->rank,
                 part->scale);
    } else if (part->scale != 1.0) {
        snprintf(text + used, size - used, "%s%s x %.4g", before, kind, part->scale);
    } else {
        snprintf(text + used, size - used, "%s%s", before, kind);
    }
}

static void add_row(cli_table *table, const rk_convert_tensor *tensor, bool planned) {
    char shape[RK_SHAPE_TEXT], change[256] = "";
    cli_table_add(table, "%s", tensor->name);
    cli_table_add(table, "%s", rk_shape_format(shape, &tensor->shape));
    cli_table_add(table, "%s", rk_dtype_describe(tensor->to)->name);
    for (size_t i = 0; i < tensor->n_parts; i++) {
        describe_part(change, sizeof change, &tensor->parts[i]);
    }
    cli_table_add(table, "%s", change);
    if (planned) return;
    if (tensor->rms_change == 0.0) {
        cli_table_add(table, "none");
    } else {
        cli_table_add(table, "%.3g", tensor->rms_change);
    }
    const double share = cli_relative_change(tensor);
    if (isnan(share)) {
        cli_table_add(table, "-");
    } else {
        cli_table_add(table, "%.2f %%", 100.0 * share);
    }
}

static void print_tensors(const cli_conversion *conversion) {
    static const cli_column columns[] = {
        {"tensor", false}, {"shape", false},     {"type", false},
        {"change", false}, {"RMS change", true}, {"of the weights", true},
    };
    const size_t n_measured = 2;
    const size_t n_columns = sizeof columns / sizeof columns[0];
    cli_table table;
    cli_table_init(&table, columns, conversion->planned ? n_columns - n_measured : n_columns);
    for (size_t i = 0; i < conversion->n_tensors; i++) {
        if (conversion->tensors[i].n_parts == 0) continue;
        add_row(&table, &conversion->tensors[i], conversion->planned);
    }
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
    putchar('\n');
}

void print_merge_report(const cli_conversion *conversion, const char *format) {
    const rk_convert_result *result = &conversion->result;
    const char *done = conversion->planned ? "would be " : "";
    print_tensors(conversion);
    printf("%" PRIu64 " tensors %schanged, %" PRIu64 " as they were\n", result->n_merged, done,
           result->n_tensors - result->n_merged);
    if (result->n_requantized > 0) {
        printf("%s is quantized: %" PRIu64 " of them %sexpanded, merged and quantized again\n",
               conversion->input, result->n_requantized, conversion->planned ? done : "were ");
    }
    for (size_t i = 0; i < conversion->n_passed_over; i++) {
        const cli_passed_over *item = &conversion->passed_over[i];
        printf("passed over: %s: %s\n", item->adapter, item->what);
    }
    if (conversion->planned) {
        cli_conversion_prediction(stdout, conversion, format == NULL ? "types of BASE" : format);
    } else {
        cli_conversion_summary(stdout, conversion);
    }
}
