// Records as tables, for people.
#ifndef RESULT_TABLE_H
#define RESULT_TABLE_H

#include <stdio.h>

#include "perplexity/result_record.h"

typedef enum result_style { STYLE_TEXT, STYLE_MARKDOWN, STYLE_HTML } result_style;

// Where tables and notes go, and in which form.
typedef struct result_sink {
    FILE *file;
    result_style style;
} result_sink;

// The first table: how good, how large, how fast.
void result_first_table_print(const record *r, const result_sink *to);

// All others that there is something for.
void result_more_tables_print(const record *r, const result_sink *to);

#endif
