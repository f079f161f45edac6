// A record as JSON, written and read back.
#ifndef RESULT_JSON_H
#define RESULT_JSON_H

#include "perplexity/result_record.h"

// On stdout.
void result_json_print(const record *r);

// Into a file, which appears whole or not at all. False after a message.
bool result_json_save(const record *r, const char *path);

// Reads what result_json_save wrote; *r is to be released with record_free. A file that is not
// there gives an empty record. False after a message.
bool result_json_load(record *r, const char *path);

#endif
