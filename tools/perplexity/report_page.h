// A report as one HTML file: tables, pictures, and what they were measured on.
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <stdbool.h>

#include "perplexity/result_record.h"

// The file appears whole or not at all; nothing in it needs the network or a script. False after a
// message. Without gnuplot there are no pictures, which the page says.
bool report_page_save(const record *r, const char *path);

#endif
