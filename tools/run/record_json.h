// A generated text as JSON.
#ifndef RUN_RECORD_JSON_H
#define RUN_RECORD_JSON_H

#include <cjson/cJSON.h>

#include "run/record.h"

// Adds to a JSON object what the record says: the text, how it ended, the tokens.
void record_json(const record *r, cJSON *object, const rk_generate_options *options,
                 const rk_tokenizer *tokenizer);

#endif
