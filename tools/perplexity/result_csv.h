// A record as comma-separated values.
#ifndef RESULT_CSV_H
#define RESULT_CSV_H

#include "perplexity/result_record.h"

// On stdout: a line of names and a line for each result; then, where there are figures of latency,
// an empty line and the same for them.
void result_csv_print(const record *r);

#endif
