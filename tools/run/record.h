// A generated text as it is kept for a report: --json, --jsonl, --logprobs.
#ifndef RUN_RECORD_H
#define RUN_RECORD_H

#include "rk/generate.h"

typedef struct record_token {
    uint32_t token;
    float log_p;
} record_token;

typedef struct record {
    char *text; // [length]
    size_t length, capacity;
    record_token *tokens; // [n_tokens], in the order of drawing
    size_t n_tokens, token_capacity;
    rk_token_chance *chances; // [n_tokens][n_top]
    size_t n_top;
    rk_generate_result result; // to be filled by whoever generates
} record;

// An empty record of a text. logprobs: for how many alternatives log p is kept, or NO_LOGPROBS. The
// options' callbacks become the record's; they end the text after Ctrl-C.
void record_begin(record *r, size_t logprobs, size_t n_vocab, rk_generate_options *options);
void record_free(record *r);

// How many of the tokens are part of the text: those that a stop string took back are not.
size_t record_kept_tokens(const record *r);

// Prints the tokens as --logprobs does, a line each.
void record_print_tokens(const record *r, const rk_tokenizer *tokenizer);

#endif
