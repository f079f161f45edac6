// Which tokens are banned and which are exempt, by id and by what they stand for.
#ifndef RK_TOKEN_RULES_H
#define RK_TOKEN_RULES_H

#include "base/error_internal.h"
#include "rk/sampler.h"

typedef struct rk__token_rules {
    size_t n_vocab;
    const rk_tokenizer *tokenizer; // borrowed; NULL: only ids count
    bool *banned;                  // [n_vocab], always
    bool *exempt;                  // [n_vocab]
    rk_text *texts;                // [n_texts], owned with their bytes: must not be completed
    size_t n_texts;
    char *tail; // [n_tail] of [longest text - 1]: the end of what came
    size_t n_tail, max_tail;
} rk__token_rules;

// Checks and copies what the options say.
rk_status rk__token_rules_init(rk__token_rules *rules, size_t n_vocab,
                               const rk_sampler_options *options, rk_error *err);
void rk__token_rules_fini(rk__token_rules *rules);

// Sets the logits of all tokens that may not come next to -infinity.
void rk__token_rules_ban(const rk__token_rules *rules, float *logits);

// The text has gone on by these bytes, or by this token.
void rk__token_rules_append(rk__token_rules *rules, const char *bytes, size_t length);
void rk__token_rules_accept(rk__token_rules *rules, uint32_t token);

void rk__token_rules_forget(rk__token_rules *rules); // the text begins anew

#endif
