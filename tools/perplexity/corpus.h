// What models are measured on: a text, documents, or tokens that were made before.
#ifndef CORPUS_H
#define CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/sha256.h"
#include "cli/text_file.h"
#include "rk/text.h"
#include "rk/token_file.h"
#include "rk/tokenizer.h"

typedef struct corpus {
    const char *name;             // for people; borrowed
    const char *kind;             // "text", "jsonl", "npy" or "idx"
    uint64_t bytes;               // of the file with the text or the tokens
    char sha256[CLI_SHA256_TEXT]; // of it; "" where that was not asked for
    cli_text file;                // of a text or .jsonl
    rk_text *texts;               // [n_texts], the documents; those of a .jsonl are owned
    size_t n_texts;
    rk_token_file *tokens; // or NULL
} corpus;

// Reads texts whole, of token files the header. `format` NULL: found out. Returns an exit code;
// failures have been reported. Freeing accepts all zeros.
int corpus_open(corpus *c, const char *path, const char *format);
void corpus_free(corpus *c);

// Computes c->sha256 where it is still missing.
int corpus_checksum(corpus *c);

// Are documents separate from each other by nature?
bool corpus_has_documents(const corpus *c);

// The documents as a model's tokens.
typedef struct corpus_tokens {
    uint32_t *tokens; // [n_tokens], document after document
    size_t n_tokens, room;
    size_t *ends; // [n_documents], each document's end in tokens
    size_t n_documents;
} corpus_tokens;

// Cuts texts with the tokenizer, which may be NULL for token files, or reads the tokens; no more
// than `limit` tokens and `max_documents` documents, unless 0.
rk_status corpus_tokenize(corpus_tokens *out, const corpus *c, const rk_tokenizer *tokenizer,
                          size_t limit, size_t max_documents, rk_error *err);
void corpus_tokens_free(corpus_tokens *tokens);

#endif
