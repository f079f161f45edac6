// Tables for people: columns as wide as their widest cell.
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct cli_column {
    const char *title;
    bool right; // numbers are aligned to the right
} cli_column;

typedef struct cli_table {
    const cli_column *columns; // [n_columns], borrowed
    size_t n_columns;
    char **cells; // [n_cells], row after row
    size_t n_cells;
} cli_table;

void cli_table_init(cli_table *table, const cli_column *columns, size_t n_columns);

// Appends a cell; rows fill from left to right, one after the other.
__attribute__((format(printf, 2, 3))) void cli_table_add(cli_table *table, const char *format, ...);

void cli_table_print(const cli_table *table, FILE *out);

// The same as Markdown.
void cli_table_print_markdown(const cli_table *table, FILE *out);

// The same as a <table> of HTML; columns of numbers have the class "n".
void cli_table_print_html(const cli_table *table, FILE *out);

void cli_table_fini(cli_table *table);

#endif
