// A record as tables for people, aligned or in Markdown.
#ifndef RESULT_TABLE_H
#define RESULT_TABLE_H

#include "perplexity/result_record.h"

void result_tables_print(const record *r, bool markdown);

#endif
