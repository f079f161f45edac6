// Keeping a generated text.
#include "run/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_quote.h"
#include "cli/signals.h"
#include "run/settings.h"

// ---- while it is generated

static bool keep_text(void *user, const char *text, size_t length) {
    record *r = user;
    if (r->length + length > r->capacity) {
        r->capacity = 2 * (r->length + length);
        r->text = cli_reallocate(r->text, r->capacity, 1);
    }
    memcpy(r->text + r->length, text, length);
    r->length += length;
    return !cli_interrupted();
}

static bool keep_token(void *user, const rk_drawn_token *token) {
    record *r = user;
    if (r->n_tokens == r->token_capacity) {
        r->token_capacity = r->token_capacity == 0 ? 64 : 2 * r->token_capacity;
        r->tokens = cli_reallocate(r->tokens, r->token_capacity, sizeof *r->tokens);
        const size_t n_chances = r->token_capacity * r->n_top;
        r->chances = cli_reallocate(r->chances, n_chances, sizeof *r->chances);
    }
    r->tokens[r->n_tokens] = (record_token){token->token, token->log_p};
    for (size_t i = 0; i < r->n_top; i++) {
        r->chances[r->n_tokens * r->n_top + i] = token->top[i];
    }
    r->n_tokens++;
    return !cli_interrupted();
}

void record_begin(record *r, size_t logprobs, size_t n_vocab, rk_generate_options *options) {
    *r = (record){0};
    options->text = keep_text;
    options->user = r;
    if (logprobs == NO_LOGPROBS) return;
    r->n_top = logprobs < n_vocab ? logprobs : n_vocab;
    options->token = keep_token;
    options->n_top = r->n_top;
}

void record_free(record *r) {
    free(r->text);
    free(r->tokens);
    free(r->chances);
    *r = (record){0};
}

size_t record_kept_tokens(const record *r) {
    // A stop token has never been in the list.
    if (r->result.end != RK_END_STOP_STRING) return r->n_tokens;
    const size_t withdrawn = r->result.n_withdrawn;
    return withdrawn < r->n_tokens ? r->n_tokens - withdrawn : 0;
}

// ---- as lines

static void print_token(const rk_tokenizer *tokenizer, uint32_t token, float log_p,
                        const char *separator) {
    size_t length;
    const char *text = rk_tokenizer_decode(tokenizer, token, &length);
    char *quoted = cli_json_quote(text, length, NULL);
    printf("%s%.4f\t%u\t%s", separator, (double)log_p, (unsigned)token, quoted);
    free(quoted);
}

void record_print_tokens(const record *r, const rk_tokenizer *tokenizer) {
    const size_t n = record_kept_tokens(r);
    for (size_t i = 0; i < n; i++) {
        print_token(tokenizer, r->tokens[i].token, r->tokens[i].log_p, "");
        for (size_t k = 0; k < r->n_top; k++) {
            const rk_token_chance *chance = &r->chances[i * r->n_top + k];
            print_token(tokenizer, chance->token, chance->log_p, "\t");
        }
        putchar('\n');
    }
}
