// What the figures of a record mean, and what they were measured on.
#ifndef RESULT_NOTES_H
#define RESULT_NOTES_H

#include "perplexity/result_table.h"

// What stands under the tables.
void result_notes_print(const record *r, const result_sink *to);

// Machine, build, time, and SHA-256 sums, as far as they are known.
void result_origin_print(const record *r, const result_sink *to);

#endif
