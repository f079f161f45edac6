// Tables and JSON of comparisons.
#include "bench_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "rk/version.h"

// The processor's name as the system tells it, or "unknown".
static void processor_name(char *name, size_t size) {
    char line[256];
    snprintf(name, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *const colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, "model name", strlen("model name")) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    fclose(file);
}

void bench_report_add(bench_report *report, const bench_row *row) {
    report->rows = cli_reallocate(report->rows, report->n_rows + 1, sizeof *report->rows);
    report->rows[report->n_rows++] = *row;
}

// ---- the table

static const cli_column columns[] = {
    {"measured", false}, {"threads", true}, {"speed", true}, {"limit", true}, {"", false},
    {"share", true},     {"from", true},    {"to", true},    {"pairs", true},
};

static void add_cells(cli_table *table, const bench_row *row) {
    const bench_comparison *const c = &row->comparison;
    cli_table_add(table, "%s", row->what);
    cli_table_add(table, "%zu", row->threads);
    cli_table_add(table, "%.1f %s", c->rate.median / row->unit_size, row->unit);
    if (row->limit != NULL) {
        cli_table_add(table, "%.1f", c->limit.median / row->unit_size);
        cli_table_add(table, "%s", row->limit);
        cli_table_add(table, "%.2f", c->ratio.median);
        cli_table_add(table, "%.2f", c->ratio.low);
        cli_table_add(table, "%.2f", c->ratio.high);
    } else {
        for (int i = 0; i < 3; i++) cli_table_add(table, "%s", "");
        cli_table_add(table, "%.1f", c->rate.low / row->unit_size);
        cli_table_add(table, "%.1f", c->rate.high / row->unit_size);
    }
    if (c->disturbed == 0) {
        cli_table_add(table, "%zu", c->pairs);
    } else {
        cli_table_add(table, "%zu (%zu disturbed)", c->pairs, c->disturbed);
    }
}

static void print_table(const bench_report *report) {
    char name[128];
    processor_name(name, sizeof name);
    printf("%s; processor: %s\n", rk_system_info(), name);
    printf("Medians of pairs of slices; from, to: quartiles.\n\n");
    cli_table table;
    cli_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < report->n_rows; i++) add_cells(&table, &report->rows[i]);
    cli_table_print(&table, stdout);
    cli_table_fini(&table);
}

// ---- JSON

static void add_spread(cJSON *object, const char *key, bench_spread spread) {
    cJSON *const part = cJSON_AddObjectToObject(object, key);
    cli_json_add_number(part, "low", spread.low);
    cli_json_add_number(part, "median", spread.median);
    cli_json_add_number(part, "high", spread.high);
}

static void print_json(const bench_report *report) {
    char name[128];
    processor_name(name, sizeof name);
    cJSON *const object = cli_json_new(1);
    cli_json_add_text(object, "program", report->program);
    cli_json_add_text(object, "system", rk_system_info());
    cli_json_add_text(object, "processor", name);
    cJSON *const rows = cli_json_add_array(object, "rows");
    for (size_t i = 0; i < report->n_rows; i++) {
        const bench_row *const row = &report->rows[i];
        cJSON *const to = cli_json_append_object(rows);
        cli_json_add_text(to, "measured", row->what);
        cli_json_add_size(to, "threads", row->threads);
        cli_json_add_text(to, "unit", row->unit);
        cli_json_add_number(to, "unit_size", row->unit_size);
        add_spread(to, "per_second", row->comparison.rate);
        if (row->limit != NULL) {
            cli_json_add_text(to, "limit", row->limit);
            add_spread(to, "limit_per_second", row->comparison.limit);
            add_spread(to, "share", row->comparison.ratio);
        }
        cli_json_add_size(to, "pairs", row->comparison.pairs);
        cli_json_add_size(to, "disturbed", row->comparison.disturbed);
    }
    cli_json_finish(object);
}

void bench_report_finish(bench_report *report, bool json) {
    if (json) {
        print_json(report);
    } else {
        print_table(report);
    }
    free(report->rows);
    *report = (bench_report){0};
}
