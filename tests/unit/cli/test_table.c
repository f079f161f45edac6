// Tables: the exact text, columns aligned by characters and not by bytes.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "cli/table.h"

static char *print(const cli_table *table) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cli_table_print(table, out);
    fclose(out);
    return text;
}

Test(table, columns_are_as_wide_as_their_widest_cell) {
    static const cli_column columns[] = {{"name", false}, {"value", true}, {"note", false}};
    cli_table table;
    cli_table_init(&table, columns, 3);
    cli_table_add(&table, "a");
    cli_table_add(&table, "%d", 7);
    cli_table_add(&table, "x");
    cli_table_add(&table, "longer");
    cli_table_add(&table, "%d ± %d", 123456, 1);
    cli_table_add(&table, "%s", "");
    char *text = print(&table);
    cr_assert_str_eq(text, "name         value  note\n"
                           "a                7  x\n"
                           "longer  123456 ± 1  \n");
    free(text);
    cli_table_fini(&table);
}

Test(table, a_table_without_rows_is_its_head) {
    static const cli_column columns[] = {{"a", true}, {"b", false}};
    cli_table table;
    cli_table_init(&table, columns, 2);
    char *text = print(&table);
    cr_assert_str_eq(text, "a  b\n");
    free(text);
    cli_table_fini(&table);
}

Test(table, markdown) {
    static const cli_column columns[] = {{"name", false}, {"value", true}};
    cli_table table;
    cli_table_init(&table, columns, 2);
    cli_table_add(&table, "a|b");
    cli_table_add(&table, "%d", 7);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cli_table_print_markdown(&table, out);
    fclose(out);
    cr_assert_str_eq(text, "| name | value |\n|---|--:|\n| a\\|b | 7 |\n");
    free(text);
    cli_table_fini(&table);
}

Test(table, html) {
    static const cli_column columns[] = {{"<name>", false}, {"value", true}};
    cli_table table;
    cli_table_init(&table, columns, 2);
    cli_table_add(&table, "</td><script>\"'&\n\x01\xff é");
    cli_table_add(&table, "%d ± %d", 7, 1);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cli_table_print_html(&table, out);
    fclose(out);
    cr_assert_str_eq(text,
                     "<table>\n<thead><tr><th scope=\"col\">&lt;name&gt;</th>"
                     "<th scope=\"col\" class=\"n\">value</th></tr></thead>\n<tbody>\n"
                     "<tr><td>&lt;/td&gt;&lt;script&gt;&quot;&#39;&amp; \xef\xbf\xbd\xef\xbf\xbd é"
                     "</td><td class=\"n\">7 ± 1</td></tr>\n</tbody>\n</table>\n");
    free(text);
    cli_table_fini(&table);
}
