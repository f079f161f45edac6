// Everything that is done in JSON, which a build without cJSON does not have.
#ifndef RUN_RUN_JSON_H
#define RUN_RUN_JSON_H

#include <stdint.h>

#include "run/continue_text.h"
#include "run/record.h"

typedef struct run_json_table {
    // What --json prints: of a text, of beams, of a text's tokens, of the text of tokens.
    void (*print_record)(const text_job *job, const record *r, const rk_generate_options *options,
                         uint64_t seed);
    void (*print_beams)(const rk_beam *beams, size_t n_beams, double seconds);
    void (*print_tokens)(const rk_tokenizer *tokenizer, const uint32_t *tokens, size_t n_tokens);
    void (*print_text)(const char *text, size_t length);

    // --jsonl: answers the requests of a file ("-": standard input) until its end. Returns an exit
    // code after whatever messages there are.
    int (*answer_requests)(const loaded_model *model, const char *path,
                           const run_settings *settings);
} run_json_table;

// NULL in a build without JSON, whose programs end where --json or --jsonl is asked for.
extern const run_json_table *const run_json;

#endif
