// Aligned tables.
#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>

#include "cli/allocate.h"
#include "cli/html_text.h"
#include "cli/utf8_text.h"

void cli_table_init(cli_table *table, const cli_column *columns, size_t n_columns) {
    *table = (cli_table){.columns = columns, .n_columns = n_columns};
}

void cli_table_add(cli_table *table, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *cell = NULL;
    const int length = vasprintf(&cell, format, arguments);
    va_end(arguments);
    table->cells = cli_reallocate(table->cells, table->n_cells + 1, sizeof *table->cells);
    table->cells[table->n_cells++] = length >= 0 ? cell : cli_copy("?");
}

static size_t column_width(const cli_table *table, size_t column) {
    size_t width = cli_utf8_width(table->columns[column].title);
    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        const size_t cell = cli_utf8_width(table->cells[i]);
        if (cell > width) width = cell;
    }
    return width;
}

static void print_row(const cli_table *table, const size_t *widths, char *const *cells, FILE *out) {
    for (size_t c = 0; c < table->n_columns; c++) {
        const char *cell = cells != NULL ? cells[c] : table->columns[c].title;
        const bool right = table->columns[c].right, last = c + 1 == table->n_columns;
        const int blanks = (int)(widths[c] - cli_utf8_width(cell));
        fprintf(out, "%*s%s%*s%s", right ? blanks : 0, "", cell, right || last ? 0 : blanks, "",
                last ? "\n" : "  ");
    }
}

void cli_table_print(const cli_table *table, FILE *out) {
    size_t *widths = cli_allocate(table->n_columns, sizeof *widths);
    for (size_t c = 0; c < table->n_columns; c++) widths[c] = column_width(table, c);
    print_row(table, widths, NULL, out);
    for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns) {
        print_row(table, widths, &table->cells[i], out);
    }
    free(widths);
}

static void print_markdown_cell(const char *text, FILE *out) {
    fputs("| ", out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '|') fputc('\\', out);
        fputc(*c, out);
    }
    fputc(' ', out);
}

void cli_table_print_markdown(const cli_table *table, FILE *out) {
    for (size_t c = 0; c < table->n_columns; c++) print_markdown_cell(table->columns[c].title, out);
    fputs("|\n", out);
    for (size_t c = 0; c < table->n_columns; c++)
        fputs(table->columns[c].right ? "|--:" : "|---", out);
    fputs("|\n", out);
    for (size_t i = 0; i < table->n_cells; i++) {
        print_markdown_cell(table->cells[i], out);
        if ((i + 1) % table->n_columns == 0) fputs("|\n", out);
    }
}

static void print_html_cell(const cli_column *column, const char *tag, const char *attributes,
                            const char *text, FILE *out) {
    fprintf(out, "<%s%s%s>", tag, attributes, column->right ? " class=\"n\"" : "");
    cli_html_write(out, text);
    fprintf(out, "</%s>", tag);
}

void cli_table_print_html(const cli_table *table, FILE *out) {
    fputs("<table>\n<thead><tr>", out);
    for (size_t c = 0; c < table->n_columns; c++) {
        const cli_column *column = &table->columns[c];
        print_html_cell(column, "th", " scope=\"col\"", column->title, out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < table->n_cells; i++) {
        const size_t c = i % table->n_columns;
        if (c == 0) fputs("<tr>", out);
        print_html_cell(&table->columns[c], "td", "", table->cells[i], out);
        if (c + 1 == table->n_columns) fputs("</tr>\n", out);
    }
    fputs("</tbody>\n</table>\n", out);
}

void cli_table_fini(cli_table *table) {
    for (size_t i = 0; i < table->n_cells; i++) free(table->cells[i]);
    free(table->cells);
    *table = (cli_table){0};
}
