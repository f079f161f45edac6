// One line of --jsonl: a request as it comes in, and the answer that goes out.
#ifndef RUN_JSONL_REQUEST_H
#define RUN_JSONL_REQUEST_H

#include <cjson/cJSON.h>

#include "run/loaded_model.h"
#include "run/record.h"
#include "run/settings.h"

// The settings that a request may change.
typedef struct request_settings {
    ending_settings ending;
    sampling_settings sampling;
    report_settings report;
} request_settings;

typedef struct jsonl_request {
    size_t line;               // its number
    char *error;               // owned; NULL: nothing is wrong
    cJSON *document;           // owned; texts are borrowed from it
    cli_text_list made_texts;  // owned: numbers as texts
    const char *prompt;        // "" when there is none
    request_settings settings; // its lists owned
    ending ending;             // read from them
    sampling sampling;
    rk_generate_options options;
    record record;
    bool done;
} jsonl_request;

// Reads a request over what the command line says. `error` is set when that cannot be done. The
// request must stay where it is.
void jsonl_request_read(jsonl_request *r, size_t line, const char *text, size_t length,
                        const run_settings *defaults, const loaded_model *model);

// Sets the error, unless there is one.
void jsonl_request_fail(jsonl_request *r, const char *message);

// Prints the answer, or the error, as one line, at once. False after a failure to write.
bool jsonl_request_answer(const jsonl_request *r, const rk_tokenizer *tokenizer);

void jsonl_request_free(jsonl_request *r);

#endif
